import { describe, expect, test } from 'vitest';

import { type Case, check } from '../../../test/support/plan-cases.ts';
import { type SceneOptions, scene } from '../../../test/support/set-scene.ts';
import { plan } from './plan.ts';

const parallel: SceneOptions = { podManagementPolicy: 'Parallel' };

describe('scaling up, in order', () => {
  const cases: readonly Case[] = [
    { rule: 'O1 the lowest ordinal comes first', pods: '', does: ['create web-0@1'], waits: 'PodUnscheduled web-0' },
    {
      rule: 'O1 the next pod is made when all before it are healthy',
      pods: 'ready ready -',
      does: ['create web-2@1'],
      waits: 'PodUnscheduled web-2',
    },
    {
      rule: 'O1 a pod that is starting holds the next one back',
      pods: 'ready starting -',
      does: [],
      waits: 'PodStarting web-1',
    },
    {
      rule: 'O1 a pod that is not Ready holds the next one back',
      pods: 'unready ready -',
      does: [],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'O1 a gap is filled before what is above it is looked at',
      pods: 'ready - unready',
      does: ['create web-1@1'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'O1 a Ready pod counts only after minReadySeconds',
      pods: 'ready fresh -',
      options: { minReadySeconds: 10 },
      does: [],
      waits: 'PodNotAvailable web-1',
    },
    {
      rule: 'O4 scaling up takes the next ordinal',
      pods: 'ready ready',
      options: { replicas: 3 },
      does: ['create web-2@1'],
      waits: 'PodUnscheduled web-2',
    },
    { rule: 'O1 nothing is left to do when all are healthy', pods: 'ready ready ready', does: [] },
    { rule: 'O1 a set of none needs nothing', pods: '', options: { replicas: 0 }, does: [] },
    { rule: 'O1 replicas are 1 unless given', pods: 'ready', options: { replicas: 1 }, does: [] },
  ];
  cases.forEach(check);
});

describe('ended and ending pods', () => {
  const cases: readonly Case[] = [
    {
      rule: 'O2 a failed pod is deleted',
      pods: 'ready failed ready',
      does: ['delete web-1 (finished)'],
      waits: 'PodFinished web-1',
    },
    {
      rule: 'O2 a succeeded pod is deleted',
      pods: 'ready ready succeeded',
      does: ['delete web-2 (finished)'],
      waits: 'PodFinished web-2',
    },
    {
      rule: 'O2 a failed pod that is being deleted already is left to go',
      pods: 'failed',
      options: {
        replicas: 1,
        changePods: (pod) => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } }),
      },
      does: [],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'O2 once it is gone it is made again',
      pods: 'ready - ready',
      does: ['create web-1@1'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'O3 a terminating pod is not replaced',
      pods: 'ready ending ready',
      does: [],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'O3 a terminating pod holds back the next ones',
      pods: 'ending - -',
      does: [],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'O3 Parallel goes on with the others',
      pods: 'ending - -',
      options: parallel,
      does: ['create web-1@1', 'create web-2@1'],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'O2 Parallel deletes all that have ended',
      pods: 'failed ready succeeded',
      options: parallel,
      does: ['delete web-0 (finished)', 'delete web-2 (finished)'],
      waits: 'PodFinished web-0',
    },
  ];
  cases.forEach(check);
});

describe('scaling down', () => {
  const two: SceneOptions = { replicas: 2 };
  const cases: readonly Case[] = [
    {
      rule: 'O4 the highest ordinal goes first',
      pods: 'ready ready ready ready',
      options: two,
      does: ['delete web-3 (scale-down)'],
      waits: 'PodTerminating web-3',
    },
    {
      rule: 'O5 the next one goes only when the last one is gone',
      pods: 'ready ready ready ending',
      options: two,
      does: [],
      waits: 'PodTerminating web-3',
    },
    {
      rule: 'O5 nothing is removed while a pod in range is not Ready',
      pods: 'ready unready ready',
      options: two,
      does: [],
      waits: 'PodNotReady web-1',
    },
    {
      rule: 'O5 nothing is removed while a pod in range is ending',
      pods: 'ending ready ready',
      options: two,
      does: [],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'I6 a pod out of range does not stand in for one in range',
      pods: 'ready - ready ready',
      options: two,
      does: ['create web-1@1'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'O5 nothing is removed while a pod in range is missing: it is made first',
      pods: 'ready - ready',
      options: two,
      does: ['create web-1@1'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'O5 nothing is removed while a pod in range is Ready for less than minReadySeconds',
      pods: 'ready fresh ready',
      options: { ...two, minReadySeconds: 10 },
      does: [],
      waits: 'PodNotAvailable web-1',
    },
    {
      rule: 'O5 the lowest unhealthy pod may be removed if it is condemned',
      pods: 'ready ready unready',
      options: two,
      does: ['delete web-2 (scale-down)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'O5 of several unhealthy condemned pods the lowest goes first: they do not wait for each other',
      pods: 'ready ready unready unready',
      options: two,
      does: ['delete web-2 (scale-down)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'O5 nothing is removed while a lower condemned pod is ending',
      pods: 'ready ready ending ready',
      options: two,
      does: [],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'O5 a healthy condemned pod goes though one below it is unhealthy',
      pods: 'ready ready unready ready',
      options: two,
      does: ['delete web-3 (scale-down)'],
      waits: 'PodTerminating web-3',
    },
    {
      rule: 'O5 to none: one at a time as well',
      pods: 'ready ready',
      options: { replicas: 0 },
      does: ['delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'O6 Parallel removes all at once, healthy or not, whatever the others do',
      pods: 'unready ready unready ready ending',
      options: { ...parallel, ...two },
      does: ['delete web-3 (scale-down)', 'delete web-2 (scale-down)'],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'O7 scaling down goes before updating',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...two, version: 2, current: 1 },
      does: ['delete web-2 (scale-down)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'O7 a condemned pod that has failed is removed and not made again',
      pods: 'ready ready failed',
      options: two,
      does: ['delete web-2 (scale-down)'],
      waits: 'PodTerminating web-2',
    },
    { rule: 'O7 a set being deleted gets no new pods', pods: 'ready - failed', options: { deleting: true }, does: [] },
    {
      rule: 'O7 a set being deleted removes nothing by itself',
      pods: 'ready@1 ready@1 ready@1 ready@1',
      options: { version: 2, current: 1, deleting: true },
      does: [],
    },
    {
      rule: 'O9 pods below a raised start are condemned, and new ones are made first',
      pods: 'ready ready ready',
      options: { ordinals: { start: 2 }, replicas: 3 },
      does: ['create web-3@1'],
      waits: 'PodUnscheduled web-3',
    },
    {
      rule: 'O9 pods below a raised start go, highest first, when the range is healthy',
      pods: 'ready ready ready ready',
      options: { ordinals: { start: 2 }, replicas: 2 },
      does: ['delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'O9 with a lowered start the ordinals below are made first, lowest first',
      pods: '- - ready ready ready',
      options: { ordinals: { start: 0 }, replicas: 3 },
      does: ['create web-0@1'],
      waits: 'PodUnscheduled web-0',
    },
    {
      rule: 'O9 with a lowered start those above go, highest first, when the range is healthy',
      pods: 'ready ready ready ready ready',
      options: { ordinals: { start: 0 }, replicas: 3 },
      does: ['delete web-4 (scale-down)'],
      waits: 'PodTerminating web-4',
    },
    {
      rule: 'I1 ordinals begin at ordinals.start',
      pods: '',
      options: { ordinals: { start: 5 }, replicas: 2 },
      does: ['create web-5@1'],
      waits: 'PodUnscheduled web-5',
    },
  ];
  cases.forEach(check);
});

describe('Parallel', () => {
  const cases: readonly Case[] = [
    {
      rule: 'O6 all are made at once',
      pods: '',
      options: parallel,
      does: ['create web-0@1', 'create web-1@1', 'create web-2@1'],
      waits: 'PodUnscheduled web-0',
    },
    {
      rule: 'O6 pods that are not Ready hold nothing back',
      pods: 'unready starting -',
      options: parallel,
      does: ['create web-2@1'],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'O10 the lowest pod that is not healthy is waited for',
      pods: 'ready starting unready',
      options: parallel,
      does: [],
      waits: 'PodStarting web-1',
    },
  ];
  cases.forEach(check);

  test('O6 one pass makes a bounded number of pods', () => {
    const decided = plan(scene('', { ...parallel, replicas: 2_000_000_000 }));
    expect(decided.actions).toHaveLength(500);
  });
});
