import { StartError } from '../runtime.ts';

/** What a well-known image runs when its container has no command: the program, and arguments when there are none. */
const IMAGES: Readonly<Record<string, readonly string[]>> = {
  alpine: ['sh'],
  bash: ['bash'],
  busybox: ['sh'],
  caddy: ['caddy', 'run'],
  debian: ['sh'],
  etcd: ['etcd'],
  haproxy: ['haproxy', '-f', '/usr/local/etc/haproxy/haproxy.cfg'],
  httpd: ['httpd', '-DFOREGROUND'],
  mariadb: ['mariadbd'],
  memcached: ['memcached'],
  mongo: ['mongod'],
  mysql: ['mysqld'],
  nats: ['nats-server'],
  'nats-server': ['nats-server'],
  nginx: ['nginx', '-g', 'daemon off;'],
  node: ['node'],
  pause: ['sleep', 'infinity'],
  perl: ['perl'],
  php: ['php'],
  postgres: ['postgres'],
  python: ['python3'],
  rabbitmq: ['rabbitmq-server'],
  redis: ['redis-server'],
  ruby: ['irb'],
  ubuntu: ['bash'],
  valkey: ['valkey-server'],
};

/** Images without an entry point: the arguments of a container are all of its command line. */
const WITHOUT_ENTRYPOINT: ReadonlySet<string> = new Set(
  'alpine busybox caddy debian etcd httpd perl python ruby ubuntu'.split(' '),
);

/**
 * The command line of a container. As Kubernetes has it: `command` replaces the image's program and its arguments,
 * `args` the arguments alone. The entry points of the well-known images run their program when the first argument is an
 * option or a file for it, and else what the arguments say. Of an unknown image we take it that it has none, unless they
 * begin with an option. Throws StartError when the image would have to say what to run, and cannot.
 */
export function commandLine(container: {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
}): readonly [program: string, ...args: string[]] {
  const [first, ...rest] = container.command;
  if (first !== undefined) return [first, ...rest, ...container.args];
  const name = imageName(container.image);
  const [program, ...defaults] = (Object.hasOwn(IMAGES, name) ? IMAGES[name] : undefined) ?? [];
  const [argument, ...others] = container.args;
  if (argument !== undefined && (WITHOUT_ENTRYPOINT.has(name) || isCommand(argument))) return [argument, ...others];
  if (program === undefined) {
    throw new StartError(
      'ErrImageNeverPull',
      `the process runtime runs programs of this machine and pulls no images, and it knows no program for "${container.image}": ` +
        'set `command` in the container, or use a node with another runtime',
    );
  }
  return [program, ...(container.args.length > 0 ? container.args : defaults)];
}

function isCommand(argument: string): boolean {
  return !argument.startsWith('-') && !/\.(cfg|cjs|conf|cnf|ini|js|json|mjs|php|ts|yaml|yml)$/.test(argument);
}

/** `registry.example:5000/library/redis:8@sha256:...` is `redis`. */
function imageName(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1) ?? '';
  return last.split(':')[0] ?? '';
}

/** What to say when the program that an image stands for is not on this machine. */
export function missingImageProgram(image: string, program: string): StartError {
  return new StartError(
    'ErrImageNeverPull',
    `image "${image}" stands for the program ${program}, which is not installed on this machine: install it, ` +
      'set `command` in the container, or use a node with another runtime',
  );
}
