import { describe, expect, test } from 'vitest';

import { type Case, check } from '../../../test/support/plan-cases.ts';
import { inWords, revision, scene } from '../../../test/support/set-scene.ts';
import type { Pod } from '../../api/generated/types.ts';
import { plan } from './plan.ts';

describe('whose a pod is', () => {
  const withOwner = (pod: Pod, uid: string | undefined): Pod => {
    const { ownerReferences: _, ...metadata } = pod.metadata;
    if (uid === undefined) return { ...pod, metadata };
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid, controller: true };
    return { ...pod, metadata: { ...metadata, ownerReferences: [owner] } };
  };
  const withLabels = (pod: Pod, labels: Readonly<Record<string, string>>): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, labels },
  });
  const cases: readonly Case[] = [
    {
      rule: 'A1 a matching pod without a controller is adopted before anything else',
      pods: 'ready - -',
      options: { changePods: (pod) => withOwner(pod, undefined) },
      does: ['adopt web-0'],
    },
    {
      rule: 'A1 a pod that no longer matches is released',
      pods: 'ready',
      options: { changePods: (pod) => withLabels(pod, { app: 'other' }) },
      does: ['release web-0'],
    },
    {
      rule: 'A1 a set being deleted adopts nothing',
      pods: 'ready',
      options: { deleting: true, changePods: (pod) => withOwner(pod, undefined) },
      does: [],
    },
    {
      rule: 'A1 a set being deleted releases nothing',
      pods: 'ready',
      options: { deleting: true, changePods: (pod) => withLabels(pod, {}) },
      does: [],
    },
    {
      rule: 'A1 a pod that is ending is not adopted; its name is waited for',
      pods: 'ending',
      options: { changePods: (pod) => withOwner(pod, undefined) },
      does: [],
      waits: 'NameTaken web-0',
    },
    {
      rule: 'A2 a pod of another controller is not touched; its name is waited for',
      pods: 'ready',
      options: { changePods: (pod) => withOwner(pod, 'another') },
      does: [],
      waits: 'NameTaken web-0',
    },
    {
      rule: 'A2 a pod without a controller that does not match is not touched',
      pods: 'ready',
      options: { changePods: (pod) => withLabels(withOwner(pod, undefined), { app: 'other' }) },
      does: [],
      waits: 'NameTaken web-0',
    },
    {
      rule: 'A2 a name that no ordinal has is not touched',
      pods: 'ready',
      options: {
        replicas: 0,
        changePods: (pod) => withOwner({ ...pod, metadata: { ...pod.metadata, name: 'web-00' } }, undefined),
      },
      does: [],
    },
    {
      rule: 'I5 an identity label that was taken off is put back',
      pods: 'ready ready ready',
      options: {
        changePods: (pod) => {
          const { 'statefulset.kubernetes.io/pod-name': name, ...labels } = pod.metadata.labels ?? {};
          return name === 'web-1' ? withLabels(pod, labels) : pod;
        },
      },
      does: ['restore web-1'],
    },
    {
      rule: 'I5 also the ordinal, and of a pod that is not Ready',
      pods: 'unready',
      options: {
        replicas: 1,
        changePods: (pod) => withLabels(pod, { ...pod.metadata.labels, 'apps.kubernetes.io/pod-index': '7' }),
      },
      does: ['restore web-0'],
      waits: 'PodNotReady web-0',
    },
  ];
  cases.forEach(check);

  test('A1 a revision without a controller is adopted', () => {
    const observed = scene('ready ready ready');
    const { ownerReferences: _, ...metadata } = revision(1, 1).metadata;
    const orphan = { ...revision(1, 1), metadata };
    expect(plan({ ...observed, revisions: [orphan] }).actions.map(inWords)).toEqual(['adopt revision 1']);
  });
});
