import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Nodes, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { startTestServer, type TestServer } from '../support/api-server.ts';
import { echoServer, processStreams } from '../support/process-streams.ts';
import { Kubectl, kubectls } from './kubectl.ts';

const root = { user: { name: 'test', groups: ['system:masters'] } };
const streams = processStreams();

const podYaml = (name: string, label = name): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${label}}}
spec:
  nodeName: node-0
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: demo}]
`;

const configMap = (name: string, data?: Record<string, string>): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...(data && { data }) });

const setYaml = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, image: demo}]}
`;

test.skipIf(kubectls.length < 2)(
  `an old and a new kubectl are tried (found: ${kubectls.map(({ version }) => version).join(', ') || 'none'})`,
  () => {
    expect(kubectls.length).toBeGreaterThan(1);
  },
);

describe.each(kubectls)('kubectl $version', ({ path, minor }) => {
  let server: TestServer;
  let kubectl: Kubectl;
  beforeAll(async () => {
    server = await startTestServer({ streams: (node) => (node === 'node-0' ? streams : undefined) });
    kubectl = new Kubectl(server.kubeconfig, server.directory, path);
  });
  afterAll(() => server.close());

  /** What a node says of a pod. (`kubectl patch --subresource` is younger than some.) */
  const report = (name: string, status: object): Promise<unknown> =>
    server.admin.request('PATCH', `/api/v1/namespaces/default/pods/${name}/status`, {
      body: JSON.stringify({ status }),
      contentType: 'application/strategic-merge-patch+json',
    });

  describe('finds out what there is', () => {
    test('version', async () => {
      const { serverVersion } = JSON.parse(await kubectl.ok('version -o json'));
      expect(serverVersion.gitVersion).toMatch(/^v1\.36\.0/);
    });

    test('api-resources lists every kind with short names and scope', async () => {
      const text = await kubectl.ok('api-resources');
      expect(text).toMatch(/^statefulsets +sts +apps\/v1 +true +StatefulSet$/m);
      expect(text).toMatch(/^persistentvolumes +pv +v1 +false +PersistentVolume$/m);
      expect(await kubectl.ok('api-versions')).toContain('discovery.k8s.io/v1\n');
    });

    test('get --raw of health', async () => {
      expect(await kubectl.ok('get --raw /readyz')).toBe('ok');
    });

    test('get all names the kinds of the category', async () => {
      expect(await kubectl.ok('get all')).toContain('service/kubernetes');
    });

    test('a kind that does not exist', async () => {
      expect(await kubectl.fails('get unicorns')).toBe('error: the server doesn\'t have a resource type "unicorns"');
    });
  });

  describe('reads', () => {
    beforeAll(async () => {
      await kubectl.ok(
        'create --validate=false -f -',
        `${podYaml('r-0', 'r')}---${podYaml('r-1', 'r')}---${podYaml('other')}`,
      );
    });

    test('a table, a wide one, names, columns of its own', async () => {
      expect(await kubectl.ok('get pods -l app=r')).toMatch(
        /^NAME +READY +STATUS +RESTARTS +AGE\nr-0 +0\/1 +Pending +0 +\d+s\nr-1 /,
      );
      expect(await kubectl.ok('get pods -o wide')).toMatch(/^NAME .*NODE +NOMINATED NODE +READINESS GATES$/m);
      expect(await kubectl.ok('get pods -l app=r -o name')).toBe('pod/r-0\npod/r-1\n');
      expect(await kubectl.ok('get pods -A --show-labels -l app=other')).toContain('app=other');
      expect(await kubectl.ok('get pod r-0 -o custom-columns=N:.metadata.name,I:.spec.containers[0].image')).toMatch(
        /^N +I\nr-0 +demo\n$/,
      );
    });

    test('an object as JSON and YAML', async () => {
      const pod = JSON.parse(await kubectl.ok('get pod r-0 -o json'));
      expect(pod).toMatchObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'r-0', namespace: 'default' } });
      const list = JSON.parse(await kubectl.ok('get pods -l app=r -o json'));
      expect(list.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['r-0', 'r-1']);
      expect(await kubectl.ok('get pod r-0 -o yaml')).toContain('kind: Pod\n');
    });

    test('by field selector and in chunks', async () => {
      expect(await kubectl.ok('get pods --field-selector spec.nodeName=node-0,metadata.name=r-1 -o name')).toBe(
        'pod/r-1\n',
      );
      expect((await kubectl.ok('get pods --chunk-size=1 -o name')).split('\n')).toHaveLength(4);
    });

    test('templates, in order, and what happens', async () => {
      const template = 'go-template={{range.items}}{{.metadata.name}},{{end}}';
      expect(await kubectl.ok(`get pods -l app=r --sort-by=.metadata.name -o ${template}`)).toBe('r-0,r-1,');
      const watching = kubectl.start('get pods -l app=r --watch --output-watch-events');
      await watching.until('r-1');
      expect(watching.lines()[0]).toMatch(/^EVENT +NAME +READY/);
      expect(watching.lines()[1]).toMatch(/^ADDED +r-0 /);
      await watching.end();
    });

    test('describe', async () => {
      expect(await kubectl.ok('describe pod r-0')).toMatch(/^Name: +r-0\n[\s\S]*^Node: +node-0\//m);
    });

    test('what is not there', async () => {
      expect(await kubectl.fails('get pod none')).toBe('Error from server (NotFound): pods "none" not found');
      expect(await kubectl.ok('get pod none --ignore-not-found')).toBe('');
      expect(await kubectl.fails('get statefulset none')).toBe(
        'Error from server (NotFound): statefulsets.apps "none" not found',
      );
    });

    test('a selector that cannot be read', async () => {
      expect(await kubectl.fails('get pods --field-selector spec.colour=red')).toContain(
        'field label not supported: spec.colour',
      );
    });
  });

  describe('writes', () => {
    test('create, change in every way, delete', async () => {
      await kubectl.ok('create --validate=false -f -', configMap('w', { a: '1' }));
      expect(await kubectl.fails('create --validate=false -f -', configMap('w'))).toContain(
        'Error from server (AlreadyExists): error when creating "STDIN": configmaps "w" already exists',
      );
      expect(await kubectl.ok('label cm w tier=back')).toBe('configmap/w labeled\n');
      expect(await kubectl.ok('annotate cm w note=x')).toMatch(/^configmap\/w annotated?\n$/);
      await kubectl.ok('patch cm w -p {"data":{"b":"2"}}');
      await kubectl.ok('patch cm w --type=merge -p {"data":{"a":null}}');
      await kubectl.ok('patch cm w --type=json -p [{"op":"add","path":"/data/c","value":"3"}]');
      const map = JSON.parse(await kubectl.ok('get cm w -o json'));
      expect(map.data).toEqual({ b: '2', c: '3' });
      expect(map.metadata).toMatchObject({ labels: { tier: 'back' }, annotations: { note: 'x' } });
      // Since 1.34 it says from where.
      expect(await kubectl.ok('delete cm w')).toMatch(/^configmap "w" deleted( from default namespace)?\n$/);
      expect(await kubectl.fails('delete cm w')).toBe('Error from server (NotFound): configmaps "w" not found');
    });

    test('apply creates, changes, leaves alone and prunes fields', async () => {
      const apply = (data: Record<string, string>) => kubectl.ok('apply --validate=false -f -', configMap('ap', data));
      expect(await apply({ a: '1', b: '2' })).toBe('configmap/ap created\n');
      expect(await apply({ a: '1', b: '2' })).toBe('configmap/ap unchanged\n');
      expect(await apply({ a: '3' })).toBe('configmap/ap configured\n');
      expect(await kubectl.ok('get cm ap -o jsonpath={.data}')).toBe('{"a":"3"}');
    });

    test('replace needs the version it replaces', async () => {
      await kubectl.ok('create --validate=false -f -', configMap('rp'));
      const old = await kubectl.ok('get cm rp -o json');
      await kubectl.ok('label cm rp a=b');
      expect(await kubectl.fails('replace --validate=false -f -', old)).toContain(
        'Operation cannot be fulfilled on configmaps "rp": the object has been modified; please apply your changes to the latest version and try again',
      );
    });

    test('a dry run stores nothing', async () => {
      const manifest = configMap('dry');
      expect(await kubectl.ok('create --dry-run=server --validate=false -f -', manifest)).toBe(
        'configmap/dry created (server dry run)\n',
      );
      await kubectl.fails('get cm dry');
    });

    test('V1 what is not valid is refused with field and reason', async () => {
      const text = await kubectl.fails('create --validate=false -f -', setYaml.replace('replicas: 2', 'replicas: -1'));
      expect(text).toContain(
        'The StatefulSet "db" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      );
    });

    test('a namespace that does not exist', async () => {
      expect(await kubectl.fails('create --validate=false -n nowhere -f -', configMap('x'))).toContain(
        'namespaces "nowhere" not found',
      );
    });

    test('S5 scale', async () => {
      await kubectl.ok('create --validate=false -f -', setYaml);
      expect(await kubectl.ok('scale sts db --replicas=5')).toBe('statefulset.apps/db scaled\n');
      expect(await kubectl.fails('scale sts db --current-replicas=3 --replicas=1')).toContain(
        'Expected replicas to be 3, was 5',
      );
      const { object } = await server.registry.get(StatefulSets, { namespace: 'default', name: 'db' }, root);
      expect(object.spec?.replicas).toBe(5);
      expect(await kubectl.ok('get sts db')).toMatch(/^NAME +READY +AGE\ndb +0\/5 +\d+s\n$/);
    });

    test('U6 rollout restart and status', async () => {
      expect(await kubectl.ok('rollout restart sts db')).toBe('statefulset.apps/db restarted\n');
      expect(await kubectl.ok('get sts db -o jsonpath={.spec.template.metadata.annotations}')).toContain('restartedAt');
      expect((await kubectl.run(['rollout', 'status', 'sts/db', '--timeout=1s'])).stdout).toContain('Waiting for');
    });

    test('set image and edit', async () => {
      await kubectl.ok('set image sts/db main=demo:2');
      const edit = kubectl.with({ KUBE_EDITOR: 'sed -i s/demo:2/demo:3/' });
      expect(await edit.ok('edit --validate=false sts db')).toBe('statefulset.apps/db edited\n');
      expect(await kubectl.ok('get sts db -o jsonpath={.spec.template.spec.containers[0].image}')).toBe('demo:3');
    });

    test('diff, replace by force, and a node that is tainted and closed', async () => {
      await kubectl.ok('create -f -', configMap('df', { a: '1' }));
      await kubectl.ok('apply --server-side --force-conflicts -f -', configMap('df', { a: '1' }));
      expect(await kubectl.ok('diff --server-side --force-conflicts -f -', configMap('df', { a: '1' }))).toBe('');
      const { code, stdout } = await kubectl.run(
        ['diff', '--server-side', '--force-conflicts', '-f', '-'],
        configMap('df', { a: '2' }),
      );
      expect(code).toBe(1);
      expect(stdout).toMatch(/^- {2}a: "1"\n\+ {2}a: "2"$/m);
      expect(await kubectl.ok('replace --force -f -', configMap('df', { a: '3' }))).toContain('configmap/df replaced');
      await server.registry.create(Nodes, undefined, { metadata: { name: 'n' } }, root);
      expect(await kubectl.ok('taint node n a=b:NoSchedule')).toBe('node/n tainted\n');
      expect(await kubectl.ok('cordon n')).toBe('node/n cordoned\n');
      expect(await kubectl.ok('get node n -o jsonpath={.spec.unschedulable}{.spec.taints[*].key}')).toMatch(/^true.*a/);
      expect(await kubectl.ok('taint node n a-')).toBe('node/n untainted\n');
    });

    test('who applied on one side goes on on the other', async () => {
      await kubectl.ok('apply -f -', configMap('mig', { a: '1', b: '2' }));
      await kubectl.ok('apply --server-side -f -', configMap('mig', { a: '1', b: '2' }));
      await kubectl.ok('apply --server-side -f -', configMap('mig', { a: '1' }));
      // Since 1.26 the fields go over to the new way, and those left out are taken away.
      const { a, b } = JSON.parse(await kubectl.ok('get cm mig -o jsonpath={.data}'));
      expect([a, b]).toEqual(['1', minor >= 26 ? undefined : '2']);
    });

    test('what is not here says so', async () => {
      const notFound = 'the server could not find the requested resource';
      expect(await kubectl.fails('create job j --image=x')).toContain(notFound);
      // Since 1.36 it makes version 2 of it, and hides why that failed.
      expect(await kubectl.fails('autoscale sts db --max=3')).toContain(
        minor < 36 ? notFound : 'failed to create autoscaling/v2 HPA',
      );
      expect(await kubectl.fails('top pods')).toContain('Metrics API not available');
    });

    test.skipIf(minor < 27)('get --subresource', async () => {
      expect(await kubectl.ok('get sts db --subresource=scale')).toMatch(
        /^NAME +DESIRED +AVAILABLE +AGE\ndb +5 +0 +\d+s\n$/,
      );
      expect(await kubectl.ok('get sts db --subresource=status -o name')).toBe('statefulset.apps/db\n');
    });

    test('delete by label', async () => {
      await kubectl.ok('create --validate=false -f -', `${podYaml('d-0', 'd')}---${podYaml('d-1', 'd')}`);
      expect(await kubectl.ok('delete pods -l app=d --force --grace-period=0')).toContain('pod "d-0" force deleted');
      expect(await kubectl.ok('get pods -l app=d')).toBe('');
    });
  });

  describe('makes things without a manifest', () => {
    test('of many kinds', async () => {
      expect(await kubectl.ok('create configmap g --from-literal=a=b')).toBe('configmap/g created\n');
      expect(await kubectl.ok('get cm g -o jsonpath={.data}')).toBe('{"a":"b"}');
      await kubectl.ok('create secret generic g --from-literal=a=b');
      expect(await kubectl.ok('get secret g -o jsonpath={.data.a}')).toBe(Buffer.from('b').toString('base64'));
      await kubectl.ok('create deployment g --image=demo --replicas=0');
      expect(await kubectl.ok('get deployment g -o jsonpath={.spec.replicas}')).toBe('0');
      await kubectl.ok('create service clusterip g --tcp=80:http');
      expect(await kubectl.ok('get service g -o jsonpath={.spec.ports[0].targetPort}')).toBe('http');
      await kubectl.ok('create namespace g');
      expect(await kubectl.ok('run g --image=demo --labels=run=g')).toBe('pod/g created\n');
      expect(await kubectl.ok('expose pod g --name=g2 --port=80')).toBe('service/g2 exposed\n');
    });

    test('what one may do', async () => {
      expect(await kubectl.ok('auth can-i create pods')).toBe('yes\n');
      expect((await kubectl.run(['auth', 'can-i', 'create', 'pods', '--as=nobody'])).stdout).toBe('no\n');
      expect(await kubectl.ok('auth can-i --list')).toMatch(/^\*\.\* +\[\] +\[\] +\[\*\]$/m);
    });

    test.skipIf(minor < 28)('who one is', async () => {
      expect(await kubectl.ok('auth whoami')).toContain('berth-admin');
      await kubectl.ok('create serviceaccount robot');
      const token = (await kubectl.ok('create token robot')).trim();
      expect(await kubectl.ok(`--token=${token} auth whoami`)).toContain('system:serviceaccount:default:robot');
    });
  });

  describe('knows the fields', () => {
    test('explain', async () => {
      const text = await kubectl.ok('explain statefulset.spec.persistentVolumeClaimRetentionPolicy');
      expect(text).toMatch(/(FIELD|RESOURCE): persistentVolumeClaimRetentionPolicy </);
      expect(text).toContain('whenDeleted\t<string>');
      expect(await kubectl.ok('explain sts.spec --recursive')).toMatch(/^ +terminationGracePeriodSeconds\t<integer>$/m);
    });

    test('V4 a misspelt one is refused', async () => {
      const misspelt = setYaml.replace('replicas', 'replicsa');
      expect(await kubectl.fails('apply -f -', misspelt)).toMatch(/unknown field "(spec\.)?replicsa"/);
      const lax = minor < 25 ? '--validate=false' : '--validate=warn';
      expect(await kubectl.ok(`apply ${lax} --dry-run=server -f -`, misspelt)).toContain('statefulset.apps/db');
    });

    test('apply on the server, with owners and conflicts', async () => {
      const map = (value: string) =>
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { a: value } });
      expect(await kubectl.ok('apply --server-side --field-manager=one -f -', map('1'))).toBe(
        'configmap/ssa serverside-applied\n',
      );
      expect(await kubectl.fails('apply --server-side --field-manager=two -f -', map('2'))).toContain(
        'conflict with "one": .data.a',
      );
      await kubectl.ok('apply --server-side --field-manager=two --force-conflicts -f -', map('2'));
      expect(await kubectl.ok('get cm ssa -o jsonpath={.data.a}')).toBe('2');
    });
  });

  describe('waits', () => {
    test('get --watch shows what changes', async () => {
      const watching = kubectl.start('get pods --watch -l app=w');
      await kubectl.ok('create --validate=false -f -', podYaml('w-0', 'w'));
      await watching.until('w-0');
      await report('w-0', { phase: 'Running' });
      await watching.until('Running');
      await watching.end();
    });

    test('debug is told that pods take no more containers', async () => {
      await kubectl.ok('create --validate=false -f -', podYaml('debug-0'));
      expect(await kubectl.fails('debug debug-0 --image=busybox --attach=false')).toContain(
        'ephemeral containers are disabled for this cluster',
      );
    });

    test('wait for a condition, and for the end', async () => {
      await kubectl.ok('create --validate=false -f -', podYaml('wait-0'));
      const ready = kubectl.ok('wait --for=condition=Ready pod/wait-0 --timeout=20s');
      await report('wait-0', { conditions: [{ type: 'Ready', status: 'True' }] });
      expect(await ready).toBe('pod/wait-0 condition met\n');
      const gone = kubectl.start('wait --for=delete pod/wait-0 --timeout=20s -v=6');
      await gone.until('watch=true');
      await kubectl.ok('delete pod wait-0 --force --grace-period=0');
      await gone.until('pod/wait-0 condition met');
      await gone.end();
    });
  });

  // WebSockets came with 1.29 (behind a variable), and are the way since 1.31.
  describe.each([...(minor >= 30 ? [['WebSocket', 'true']] : []), ['SPDY', 'false']] as [string, string][])(
    'reaches into pods over %s',
    (way, webSockets) => {
      let streaming: Kubectl;
      const pod = `s-${webSockets}`;
      beforeAll(async () => {
        streaming = kubectl.with({
          KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
          KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
        });
        await kubectl.ok('create --validate=false -f -', podYaml(pod));
        await report(pod, { phase: 'Running' });
      });

      test(`P7 exec: outputs apart, input, exit code (${way})`, async () => {
        const ran = await streaming.run(['exec', '-i', pod, '--', 'sh', '-c', 'cat; echo bad >&2; exit 7'], 'typed\n');
        expect(ran).toMatchObject({ code: 7, stdout: 'typed\n' });
        expect(ran.stderr).toContain('bad\n');
        expect(ran.stderr).toContain('command terminated with exit code 7');
      });

      test(`P7 exec of a command that is not there (${way})`, async () => {
        expect(await streaming.fails(`exec ${pod} -- no-such-program`)).toContain('cannot run no-such-program');
      });

      test(`P7 much goes both ways (${way})`, async () => {
        const sizeBytes = 5_000_000;
        const ran = await streaming.run(['exec', '-i', pod, '--', 'cat'], 'x'.repeat(sizeBytes));
        expect(ran.stdout.length).toBe(sizeBytes);
      });

      test(`P7 port-forward (${way})`, async () => {
        const echo = await echoServer();
        const forward = streaming.start(`port-forward -v=6 ${pod} :${echo.port}`);
        await forward.until('Forwarding from 127.0.0.1');
        const said = forward.lines().join('\n');
        // It would take SPDY without a word when it cannot have a WebSocket.
        expect(said.includes('negotiated protocol: portforward.k8s.io')).toBe(way === 'WebSocket');
        const port = Number(/Forwarding from 127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
        expect(await askEcho(port, 'hello')).toBe('hello');
        expect(await askEcho(port, 'again')).toBe('again');
        await forward.end();
        echo.close();
      });
    },
  );

  describe('follows logs', () => {
    beforeAll(() => kubectl.ok('create --validate=false -f -', podYaml('log-0')));

    test('P7 whole, the end of it, and as it comes', async () => {
      expect(await kubectl.ok('logs log-0')).toBe('one\ntwo\nthree\n');
      expect(await kubectl.ok('logs log-0 --tail=1')).toBe('three\n');
      expect(await kubectl.ok('logs log-0 -f --tail=1')).toBe('three\nlater\n');
    });

    test('P7 of what is not there', async () => {
      expect(await kubectl.fails('logs log-0 -c other')).toContain('container other is not valid for pod log-0');
      expect(await kubectl.fails('logs log-0 --previous')).toContain('previous terminated container "main" not found');
      await server.registry.create(
        Pods,
        'default',
        { metadata: { name: 'unbound' }, spec: { containers: [{ name: 'a', image: 'x' }] } },
        root,
      );
      expect(await kubectl.fails('logs unbound')).toContain('pod unbound does not have a host assigned');
    });
  });
});

async function askEcho(port: number, text: string): Promise<string> {
  const { connect } = await import('node:net');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
