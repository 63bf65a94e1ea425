import { describe } from 'vitest';

import { type Case, check } from '../../../test/support/plan-cases.ts';
import { partition, type SceneOptions } from '../../../test/support/set-scene.ts';
import type { StatefulSetUpdateStrategy } from '../../api/generated/types.ts';

const parallel: SceneOptions = { podManagementPolicy: 'Parallel' };
const unavailable = (maxUnavailable: number | string): StatefulSetUpdateStrategy => ({
  type: 'RollingUpdate',
  rollingUpdate: { partition: 0, maxUnavailable },
});

describe('rolling updates', () => {
  const update: SceneOptions = { version: 2, current: 1 };
  const cases: readonly Case[] = [
    {
      rule: 'U1 the highest ordinal is replaced first',
      pods: 'ready@1 ready@1 ready@1',
      options: update,
      does: ['delete web-2 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U1 the replacement is of the update revision',
      pods: 'ready@1 ready@1 -',
      options: update,
      does: ['create web-2@2'],
      waits: 'PodUnscheduled web-2',
    },
    {
      rule: 'U1 the next one only when the replaced one is Ready',
      pods: 'ready@1 ready@1 unready@2',
      options: update,
      does: [],
      waits: 'PodNotReady web-2',
    },
    {
      rule: 'U1 the next one only when the replaced one has been Ready for minReadySeconds',
      pods: 'ready@1 ready@1 fresh@2',
      options: { ...update, minReadySeconds: 10 },
      does: [],
      waits: 'PodNotAvailable web-2',
    },
    {
      rule: 'U1 then the one below it',
      pods: 'ready@1 ready@1 ready@2',
      options: update,
      does: ['delete web-1 (update)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'U1 nothing is replaced while a lower pod is not Ready',
      pods: 'unready@1 ready@1 ready@1',
      options: update,
      does: [],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U1 pods below the partition stay',
      pods: 'ready@1 ready@1 ready@2',
      options: { ...update, updateStrategy: partition(2) },
      does: [],
    },
    {
      rule: 'U1 a partition past the end stops every update',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...update, updateStrategy: partition(7) },
      does: [],
    },
    {
      rule: 'U1 down to the partition',
      pods: 'ready@1 ready@1 ready@2',
      options: { ...update, updateStrategy: partition(1) },
      does: ['delete web-1 (update)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'U1 the partition counts from the first ordinal',
      pods: '- - ready@1 ready@1',
      options: { ...update, replicas: 2, ordinals: { start: 2 }, updateStrategy: partition(1) },
      does: ['delete web-3 (update)'],
      waits: 'PodTerminating web-3',
    },
    {
      rule: 'U3 below the partition a pod comes back at the current revision',
      pods: 'ready@1 - ready@2',
      options: { ...update, updateStrategy: partition(2) },
      does: ['create web-1@1'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'U3 at or above the partition it comes back at the update revision',
      pods: 'ready@1 - ready@2',
      options: { ...update, updateStrategy: partition(1) },
      does: ['create web-1@2'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'U4 OnDelete replaces nothing',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...update, updateStrategy: { type: 'OnDelete' } },
      does: [],
    },
    {
      rule: 'U4 OnDelete: a pod deleted by hand comes back at the update revision',
      pods: 'ready@1 - ready@1',
      options: { ...update, updateStrategy: { type: 'OnDelete' } },
      does: ['create web-1@2'],
      waits: 'PodUnscheduled web-1',
    },
    {
      rule: 'U5 a change during an update redirects it',
      pods: 'ready@1 ready@1 ready@2',
      options: { version: 3, current: 1 },
      does: ['delete web-2 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U5 undoing it goes back without a new revision',
      pods: 'ready@1 ready@1 ready@2',
      options: { version: 1, current: 1 },
      does: ['delete web-2 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U2 one at a time by default',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...update, ...parallel },
      does: ['delete web-2 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U2 as many as maxUnavailable',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...update, updateStrategy: unavailable(2) },
      does: ['delete web-2 (update)', 'delete web-1 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U2 a percentage is rounded down',
      pods: 'ready@1 ready@1 ready@1 ready@1 ready@1',
      options: { ...update, replicas: 5, updateStrategy: unavailable('50%') },
      does: ['delete web-4 (update)', 'delete web-3 (update)'],
      waits: 'PodTerminating web-4',
    },
    {
      rule: 'U2 at least one, however small the percentage',
      pods: 'ready@1 ready@1 ready@1',
      options: { ...update, updateStrategy: unavailable('1%') },
      does: ['delete web-2 (update)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U2 pods that are down for other reasons count',
      pods: 'unready@2 ready@1 ready@1 ready@1',
      options: { ...update, ...parallel, replicas: 4, updateStrategy: unavailable(2) },
      does: ['delete web-3 (update)'],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U2 when enough are down nothing healthy is touched',
      pods: 'unready@2 ready@1 ready@1',
      options: { ...update, ...parallel },
      does: [],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U2 what is down already and outdated is replaced whatever the limit, and before what is up',
      pods: 'unready@1 ready@1 ready@1',
      options: { ...update, ...parallel },
      does: ['delete web-0 (update)'],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'O6 Parallel does not change how updates roll',
      pods: 'ready@1 ready@1 starting@2',
      options: { ...update, ...parallel },
      does: [],
      waits: 'PodStarting web-2',
    },
  ];
  cases.forEach(check);
});

describe('a corrected template', () => {
  const update: SceneOptions = { version: 3, current: 1 };
  const cases: readonly Case[] = [
    {
      rule: 'U7 replaces a pod of a bad revision that never became Ready',
      pods: 'ready@1 ready@1 crashing@2',
      options: update,
      does: ['delete web-2 (never-ready)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U7 replaces one that never started',
      pods: 'ready@1 ready@1 starting@2',
      options: update,
      does: ['delete web-2 (never-ready)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U7 replaces one that was never scheduled',
      pods: 'ready@1 ready@1 pending@2',
      options: update,
      does: ['delete web-2 (never-ready)'],
      waits: 'PodTerminating web-2',
    },
    {
      rule: 'U7 works on the very first revision too',
      pods: 'crashing@1',
      options: { ...update, version: 2 },
      does: ['delete web-0 (never-ready)'],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'U7 gets through past a lower pod that is down',
      pods: 'unready@1 ready@1 crashing@2',
      options: update,
      does: ['delete web-2 (never-ready)'],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U7 a pod that was Ready once is waited for, as in Kubernetes',
      pods: 'ready@1 ready@1 unready@2',
      options: update,
      does: [],
      waits: 'PodNotReady web-2',
    },
    {
      rule: 'U7 a pod of the newest revision is waited for',
      pods: 'ready@1 ready@1 crashing@3',
      options: update,
      does: [],
      waits: 'PodNotReady web-2',
    },
    {
      rule: 'U7 leaves pods of the current revision below the partition alone',
      pods: 'crashing@1 ready@1 ready@3',
      options: { ...update, updateStrategy: partition(1) },
      does: [],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U7 below the partition brings a pod back to the current revision when it is at neither',
      pods: 'crashing@2 ready@1 ready@1',
      options: { ...update, updateStrategy: partition(3) },
      does: ['delete web-0 (never-ready)'],
      waits: 'PodTerminating web-0',
    },
    {
      rule: 'U7 below the partition leaves a pod that is updated already',
      pods: 'starting@3 ready@1 ready@1',
      options: { ...update, updateStrategy: partition(3) },
      does: [],
      waits: 'PodStarting web-0',
    },
    {
      rule: 'U7 does not apply to OnDelete',
      pods: 'crashing@1 ready@1 ready@1',
      options: { ...update, updateStrategy: { type: 'OnDelete' } },
      does: [],
      waits: 'PodNotReady web-0',
    },
    {
      rule: 'U7 in Parallel as well',
      pods: 'ready@1 crashing@2 crashing@2',
      options: { ...update, ...parallel },
      does: ['delete web-1 (never-ready)', 'delete web-2 (never-ready)'],
      waits: 'PodTerminating web-1',
    },
  ];
  cases.forEach(check);
});
