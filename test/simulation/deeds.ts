import { isConflict, isNotFound } from '../../src/api/errors.ts';
import type { StatefulSet, Taint } from '../../src/api/generated/types.ts';
import { ControllerRevisions, Nodes, PersistentVolumeClaims, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { OUT_OF_SERVICE_TAINT } from '../../src/api/taints.ts';
import type { SimulatedRuntime } from '../../src/node/runtimes/simulated/simulated-runtime.ts';
import type { Deed } from './script.ts';
import { image, NAMESPACE, SET, SET_KEY, type World } from './world.ts';

/** Does one thing of a script. What it is about may not be there: then it is not done. */
export async function perform(world: World, deed: Deed): Promise<void> {
  try {
    await attempt(world, deed);
    world.count(`done: ${deed.do}`);
  } catch (error) {
    // A user whose request is refused shrugs.
    world.note(`  refused: ${error instanceof Error ? error.message : error}`);
  }
}

async function attempt(world: World, deed: Deed): Promise<void> {
  const { user, network, clock, runtimes } = world;
  switch (deed.do) {
    case 'scale':
      return changeSet(world, { replicas: deed.replicas });
    case 'template':
      return changeTemplate(world, image(deed.behaviour, deed.version));
    case 'partition':
      return changeStrategy(world, { partition: deed.partition });
    case 'maxUnavailable':
      return changeStrategy(world, { maxUnavailable: deed.maxUnavailable });
    case 'strategy':
      return changeSet(world, {
        updateStrategy:
          deed.strategy === 'OnDelete'
            ? { type: 'OnDelete' }
            : { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      });
    case 'minReadySeconds':
      return changeSet(world, { minReadySeconds: deed.seconds });
    case 'start':
      return changeSet(world, { ordinals: { start: deed.ordinal } });
    case 'retention':
      return changeSet(world, {
        persistentVolumeClaimRetentionPolicy: { whenScaled: deed.whenScaled, whenDeleted: deed.whenDeleted },
      });
    case 'deletePod':
      await user.delete(Pods, podKey(deed.ordinal));
      return;
    case 'forcePod':
      world.witness.forced.add((await user.get(Pods, podKey(deed.ordinal))).metadata.uid);
      await user.delete(Pods, podKey(deed.ordinal), { gracePeriodSeconds: 0 });
      return;
    case 'evictPod': {
      const pod = await user.get(Pods, podKey(deed.ordinal));
      const status = { ...pod.status, phase: 'Failed', reason: 'Evicted', message: 'simulated', conditions: [] };
      await user.update(Pods, { ...pod, status }, { subresource: 'status' });
      return;
    }
    case 'deleteClaim': {
      const key = claimKey(deed.ordinal);
      world.witness.given.add((await user.get(PersistentVolumeClaims, key)).metadata.uid);
      if (await exists(world, deed.ordinal)) world.count('claim deleted under a pod');
      await user.delete(PersistentVolumeClaims, key);
      return;
    }
    case 'relabel': {
      const labels = {
        identity: { 'statefulset.kubernetes.io/pod-name': null },
        selector: { app: 'somebody-else' },
        revision: { 'controller-revision-hash': null },
      }[deed.label];
      await user.patch(Pods, podKey(deed.ordinal), { type: 'merge', body: { metadata: { labels } } });
      return;
    }
    case 'orphanPod':
      await user.patch(Pods, podKey(deed.ordinal), { type: 'merge', body: { metadata: { ownerReferences: null } } });
      return;
    case 'finalizer':
      return holdByFinalizer(world, deed);
    case 'editClaim': {
      const metadata = deed.field === 'labels' ? { labels: null } : { ownerReferences: null };
      await user.patch(PersistentVolumeClaims, claimKey(deed.ordinal), { type: 'merge', body: { metadata } });
      return;
    }
    case 'editRevision':
      return editRevision(world, deed);
    case 'editStatus': {
      const set = await user.get(StatefulSets, SET_KEY);
      const status = { replicas: 7, readyReplicas: 7, currentRevision: `${SET}-nonsense`, observedGeneration: 1 };
      await user.update(StatefulSets, { ...set, status }, { subresource: 'status' });
      return;
    }
    case 'deleteSet':
      await user.delete(StatefulSets, SET_KEY, { propagationPolicy: deed.propagation });
      return;
    case 'createSet':
      await user.create(StatefulSets, world.newSet());
      return;
    case 'crashPod':
      return eachRun(world, deed, (runtime, uid) => runtime.crash(uid, 'app', 137));
    case 'unreadyPod':
      // One that never becomes Ready by itself is left alone: it would be Ready when this is over.
      if (!(await worksSoon(world, deed.ordinal))) return;
      return eachRun(world, deed, (runtime, uid) => {
        runtime.setHealth(uid, 'app', { ready: false });
        clock.after(deed.forMs, () => runtime.setHealth(uid, 'app', { ready: true }));
      });
    case 'holdPod':
      return eachRun(world, deed, (runtime, uid) => {
        const release = runtime.hold(uid);
        clock.after(deed.forMs, release);
      });
    case 'fault':
      network.add(deed);
      clock.after(deed.forMs, () => network.remove(deed));
      return;
    case 'kill':
      return world.kill(deed.part, deed.afterWrites, deed.forMs);
    case 'loseNode':
      network.cut(`node-${deed.node}`);
      clock.after(deed.forMs, () => network.mend(`node-${deed.node}`));
      return;
    case 'powerOff':
      return powerOff(world, deed);
    case 'rebootNode': {
      const name = `node-${deed.node}`;
      world.kill(name, 0, 2000);
      runtimes.get(name)?.reboot();
      return;
    }
  }
}

/** M6: the machine is off, and the user may vouch for that, by deleting the node or by its taint. */
async function powerOff(world: World, { node, vouch, forMs }: Extract<Deed, { do: 'powerOff' }>): Promise<void> {
  const name = `node-${node}`;
  world.kill(name, 0, forMs);
  world.runtimes.get(name)?.reboot();
  if (vouch === 'delete') await world.user.delete(Nodes, { name });
  if (vouch !== 'taint') return;
  await setTaint(world, name, [{ key: OUT_OF_SERVICE_TAINT, value: 'nodeshutdown', effect: 'NoExecute' }]);
  world.clock.after(forMs, () => void setTaint(world, name, []));
}

async function setTaint(world: World, name: string, taints: readonly Taint[]): Promise<void> {
  try {
    const { spec, ...rest } = await world.user.get(Nodes, { name });
    const others = (spec.taints ?? []).filter(({ key }) => key !== OUT_OF_SERVICE_TAINT);
    await world.user.update(Nodes, { ...rest, spec: { ...spec, taints: [...others, ...taints] } });
  } catch (error) {
    if (isConflict(error)) return setTaint(world, name, taints);
    if (!isNotFound(error)) throw error;
  }
}

function podKey(ordinal: number): { readonly namespace: string; readonly name: string } {
  return { namespace: NAMESPACE, name: `${SET}-${ordinal}` };
}

function claimKey(ordinal: number): { readonly namespace: string; readonly name: string } {
  return { namespace: NAMESPACE, name: `data-${SET}-${ordinal}` };
}

async function exists({ user }: World, ordinal: number): Promise<boolean> {
  const { items } = await user.list(Pods, { namespace: NAMESPACE });
  return items.some(({ metadata }) => metadata.name === podKey(ordinal).name);
}

/** Acts on the pod where it runs, if it does. */
async function eachRun(
  world: World,
  deed: { readonly do: string; readonly ordinal: number },
  act: (runtime: SimulatedRuntime, uid: string) => void,
): Promise<void> {
  const { uid } = (await world.user.get(Pods, podKey(deed.ordinal))).metadata;
  for (const runtime of world.runtimes.values()) {
    const status = await runtime.status(uid);
    if (!status?.containers.some(({ state }) => state === 'running')) continue;
    world.count(`struck: ${deed.do}`);
    act(runtime, uid);
  }
}

async function holdByFinalizer(world: World, { ordinal, forMs }: Extract<Deed, { do: 'finalizer' }>): Promise<void> {
  const set = (finalizers: readonly string[] | null) =>
    world.user.patch(Pods, podKey(ordinal), { type: 'merge', body: { metadata: { finalizers } } });
  await set(['example.com/hold']);
  world.clock.after(forMs, () => void set(null).catch(() => {}));
}

/** Somebody meddles with the set's history. */
async function editRevision(world: World, { edit, which }: Extract<Deed, { do: 'editRevision' }>): Promise<void> {
  const { items } = await world.user.list(ControllerRevisions, { namespace: NAMESPACE });
  const revision = items[which % Math.max(1, items.length)];
  if (revision === undefined) return;
  const key = { namespace: NAMESPACE, name: revision.metadata.name };
  if (edit === 'delete') {
    await world.user.delete(ControllerRevisions, key);
  } else {
    const body = {
      renumber: { revision: revision.revision + 5 },
      orphan: { metadata: { ownerReferences: null } },
      relabel: { metadata: { labels: null } },
    }[edit];
    await world.user.patch(ControllerRevisions, key, { type: 'merge', body });
  }
}

async function worksSoon(world: World, ordinal: number): Promise<boolean> {
  const { spec } = await world.user.get(Pods, podKey(ordinal));
  return /^(good|slow):/.test(spec.containers[0]?.image ?? '');
}

export async function changeSet(world: World, spec: Partial<StatefulSet['spec']>): Promise<void> {
  const set = await world.user.get(StatefulSets, SET_KEY);
  await world.user.update(StatefulSets, { ...set, spec: { ...set.spec, ...spec } });
}

async function changeStrategy(
  world: World,
  change: { readonly partition?: number; readonly maxUnavailable?: number | string },
): Promise<void> {
  const set = await world.user.get(StatefulSets, SET_KEY);
  const { updateStrategy } = set.spec;
  if (updateStrategy?.type === 'OnDelete') return;
  await changeSet(world, {
    updateStrategy: { ...updateStrategy, rollingUpdate: { ...updateStrategy?.rollingUpdate, ...change } },
  });
}

export async function changeTemplate(world: World, imageName: string): Promise<void> {
  const { spec } = await world.user.get(StatefulSets, SET_KEY);
  const { template } = spec;
  const containers = template.spec.containers.map((container) => ({ ...container, image: imageName }));
  await changeSet(world, { template: { ...template, spec: { ...template.spec, containers } } });
}
