import { isConflict, isNotFound } from '../../src/api/errors.ts';
import type { Pod, StatefulSet, Taint } from '../../src/api/generated/types.ts';
import { Nodes, PersistentVolumeClaims, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { OUT_OF_SERVICE_TAINT } from '../../src/api/taints.ts';
import type { Deed } from './script.ts';
import { image, NAMESPACE, SET, SET_KEY, type World } from './world.ts';

/** Does one thing of a script. What it is about may not be there: then it is not done. */
export async function perform(world: World, deed: Deed): Promise<void> {
  try {
    await attempt(world, deed);
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
      if (deed.whenScaled === 'Delete' || deed.whenDeleted === 'Delete') world.allowClaimDeletion();
      return changeSet(world, {
        persistentVolumeClaimRetentionPolicy: { whenScaled: deed.whenScaled, whenDeleted: deed.whenDeleted },
      });
    case 'deletePod':
      await user.delete(Pods, podKey(deed.ordinal));
      return;
    case 'forcePod':
      world.forced.add((await user.get(Pods, podKey(deed.ordinal))).metadata.uid);
      await user.delete(Pods, podKey(deed.ordinal), { gracePeriodSeconds: 0 });
      return;
    case 'evictPod': {
      const pod = await user.get(Pods, podKey(deed.ordinal));
      const status = { ...pod.status, phase: 'Failed', reason: 'Evicted', message: 'simulated', conditions: [] };
      await user.update(Pods, { ...pod, status }, { subresource: 'status' });
      return;
    }
    case 'deleteClaim': {
      const key = { namespace: NAMESPACE, name: `data-${SET}-${deed.ordinal}` };
      world.given.add((await user.get(PersistentVolumeClaims, key)).metadata.uid);
      await user.delete(PersistentVolumeClaims, key);
      return;
    }
    case 'relabel': {
      const labels =
        deed.label === 'identity' ? { 'statefulset.kubernetes.io/pod-name': null } : { app: 'somebody-else' };
      await user.patch(Pods, podKey(deed.ordinal), { type: 'merge', body: { metadata: { labels } } });
      return;
    }
    case 'deleteSet':
      await user.delete(StatefulSets, SET_KEY, { propagationPolicy: deed.propagation });
      return;
    case 'createSet':
      await user.create(StatefulSets, world.newSet());
      return;
    case 'crashPod':
      for (const runtime of runtimes.values())
        await eachRun(world, deed.ordinal, (uid) => runtime.crash(uid, 'app', 137));
      return;
    case 'unreadyPod':
      // One that never becomes Ready by itself is left alone: it would be Ready when this is over.
      if (!(await worksSoon(world, deed.ordinal))) return;
      for (const runtime of runtimes.values()) {
        await eachRun(world, deed.ordinal, (uid) => {
          runtime.setHealth(uid, 'app', { ready: false });
          clock.after(deed.forMs, () => runtime.setHealth(uid, 'app', { ready: true }));
        });
      }
      return;
    case 'holdPod':
      for (const runtime of runtimes.values()) {
        await eachRun(world, deed.ordinal, (uid) => {
          const release = runtime.hold(uid);
          clock.after(deed.forMs, release);
        });
      }
      return;
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

async function eachRun(world: World, ordinal: number, act: (uid: string) => void): Promise<void> {
  const pod: Pod = await world.user.get(Pods, podKey(ordinal));
  act(pod.metadata.uid);
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
