import { describe } from 'vitest';

import { type Case, check } from '../../../test/support/plan-cases.ts';
import type { SceneOptions } from '../../../test/support/set-scene.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types.ts';

type ChangeClaim = (claim: PersistentVolumeClaim) => PersistentVolumeClaim;

describe('claims', () => {
  const data: SceneOptions = { claimTemplates: ['data'] };
  const whenScaled: SceneOptions = {
    ...data,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
  };
  const whenDeleted: SceneOptions = {
    ...data,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' },
  };
  const both: SceneOptions = {
    ...data,
    persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' },
  };
  const owned =
    (kind: string, name: string, uid: string, controller = true): ChangeClaim =>
    (claim) => ({
      ...claim,
      metadata: {
        ...claim.metadata,
        ownerReferences: [{ apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1', kind, name, uid, controller }],
      },
    });
  const unowned: ChangeClaim = (claim) => {
    const { ownerReferences: _, ...metadata } = claim.metadata;
    return { ...claim, metadata };
  };
  const cases: readonly Case[] = [
    {
      rule: 'C1 a pod is made with its claims',
      pods: '',
      options: { ...data, claimTemplates: ['data', 'log'] },
      does: ['create web-0@1 with data-web-0, log-web-0'],
      waits: 'PodUnscheduled web-0',
    },
    {
      rule: 'C2 a claim that is there is used again',
      pods: '-',
      options: data,
      does: ['create web-0@1'],
      waits: 'PodUnscheduled web-0',
    },
    {
      rule: 'O8 a Pending pod whose claim has vanished gets it made again',
      pods: 'pending',
      options: { ...data, replicas: 1, changeClaims: () => undefined },
      does: ['create data-web-0'],
      waits: 'PodUnscheduled web-0',
    },
    {
      rule: 'O8 a Running pod has no use for it',
      pods: 'ready',
      options: { ...data, replicas: 1, changeClaims: () => undefined },
      does: [],
    },
    {
      rule: 'C5 a claim being deleted holds its pod back',
      pods: '-',
      options: {
        ...data,
        changeClaims: (claim) => ({
          ...claim,
          metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T11:00:00Z' },
        }),
      },
      does: [],
      waits: 'ClaimTerminating web-0',
    },
    {
      rule: 'C3 a claim of an earlier pod holds the new one back until it has gone with it',
      pods: '-',
      options: { ...whenScaled, changeClaims: owned('Pod', 'web-0', 'an-earlier-pod') },
      does: [],
      waits: 'ClaimStale web-0',
    },
    {
      rule: 'C3 Retain, Retain: a claim is nobody’s',
      pods: 'ready',
      options: { ...data, replicas: 1, changeClaims: owned('StatefulSet', 'web', 'set-uid') },
      does: ['data-web-0 owned by nobody'],
    },
    {
      rule: 'C3 whenDeleted Delete: the set owns the claim',
      pods: 'ready',
      options: { ...whenDeleted, replicas: 1, changeClaims: unowned },
      does: ['data-web-0 owned by StatefulSet web'],
    },
    {
      rule: 'C3 whenDeleted Delete: also of a condemned pod',
      pods: 'ready ready',
      options: { ...whenDeleted, replicas: 1, changeClaims: unowned },
      does: ['data-web-0 owned by StatefulSet web', 'data-web-1 owned by StatefulSet web', 'delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'C3 whenScaled Delete: in range nobody owns it',
      pods: 'ready',
      options: { ...whenScaled, replicas: 1 },
      does: [],
    },
    {
      rule: 'C3 whenScaled Delete: the pod owns it when it is condemned, before it is deleted',
      pods: 'ready ready',
      options: { ...whenScaled, replicas: 1 },
      does: ['data-web-1 owned by Pod web-1', 'delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'C3 whenScaled Delete: a pod that is in range again gives it back',
      pods: 'ready',
      options: { ...whenScaled, replicas: 1, changeClaims: owned('Pod', 'web-0', 'pod-0') },
      does: ['data-web-0 owned by nobody'],
    },
    {
      rule: 'C3 both: the set in range, the pod once condemned',
      pods: 'ready ready',
      options: { ...both, replicas: 1 },
      does: ['data-web-1 owned by Pod web-1', 'delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
    {
      rule: 'C3 an owner that is no controller becomes one',
      pods: 'ready',
      options: { ...whenDeleted, replicas: 1, changeClaims: owned('StatefulSet', 'web', 'set-uid', false) },
      does: ['data-web-0 owned by StatefulSet web'],
    },
    {
      rule: 'C4 a claim with another controller is left alone',
      pods: 'ready',
      options: { ...whenDeleted, replicas: 1, changeClaims: owned('Backup', 'nightly', 'backup-uid') },
      does: [],
    },
    {
      rule: 'C4 a claim of an earlier set of the same name is left alone',
      pods: 'ready',
      options: { ...whenDeleted, replicas: 1, changeClaims: owned('StatefulSet', 'web', 'an-earlier-set') },
      does: [],
    },
    {
      rule: 'C4 a claim of an earlier pod of the same name is left alone',
      pods: 'ready ready',
      options: { ...whenScaled, replicas: 1, changeClaims: owned('Pod', 'web-1', 'an-earlier-pod') },
      does: ['delete web-1 (scale-down)'],
      waits: 'PodTerminating web-1',
    },
  ];
  cases.forEach(check);
});
