import type {
  Deployment,
  PodTemplate,
  ReplicaSet,
  StatefulSet,
  StatefulSetUpdateStrategy,
} from '../../api/generated/types.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { fillField, fillList, withDefaults } from './set-defaults.ts';
import { defaultClaimTemplate } from './volume-defaults.ts';

const ROLLING_UPDATE: StatefulSetUpdateStrategy = Object.freeze({
  type: 'RollingUpdate',
  rollingUpdate: Object.freeze({ partition: 0, maxUnavailable: 1 }),
});
const RETAIN = Object.freeze({ whenDeleted: 'Retain', whenScaled: 'Retain' });

export function defaultStatefulSet(set: StatefulSet): StatefulSet {
  return fillField(set, 'spec', (given) => {
    let spec = withDefaults(given, {
      podManagementPolicy: 'OrderedReady',
      replicas: 1,
      revisionHistoryLimit: 10,
      updateStrategy: ROLLING_UPDATE,
      persistentVolumeClaimRetentionPolicy: RETAIN,
    });
    spec = fillField(spec, 'updateStrategy', defaultUpdateStrategy);
    spec = fillField(spec, 'persistentVolumeClaimRetentionPolicy', (policy) => withDefaults(policy, RETAIN));
    spec = fillField(spec, 'template', defaultPodTemplate);
    return fillList(spec, 'volumeClaimTemplates', defaultClaimTemplate);
  });
}

function defaultUpdateStrategy(given: StatefulSetUpdateStrategy): StatefulSetUpdateStrategy {
  const strategy = withDefaults(given, { type: 'RollingUpdate' });
  if (strategy.type !== 'RollingUpdate') return strategy;
  return fillField(withDefaults(strategy, { rollingUpdate: {} }), 'rollingUpdate', (rolling) =>
    withDefaults(rolling, { partition: 0, maxUnavailable: 1 }),
  );
}

const ROLLING_DEPLOYMENT = Object.freeze({ maxSurge: '25%', maxUnavailable: '25%' });

export function defaultDeployment(deployment: Deployment): Deployment {
  return fillField(deployment, 'spec', (given) => {
    let spec = withDefaults(given, {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: ROLLING_DEPLOYMENT },
    });
    spec = fillField(spec, 'strategy', (strategyGiven) => {
      const strategy = withDefaults(strategyGiven, { type: 'RollingUpdate' });
      if (strategy.type !== 'RollingUpdate') return strategy;
      return fillField(withDefaults(strategy, { rollingUpdate: {} }), 'rollingUpdate', (rolling) =>
        withDefaults(rolling, ROLLING_DEPLOYMENT),
      );
    });
    return fillField(spec, 'template', defaultPodTemplate);
  });
}

export function defaultReplicaSet(set: ReplicaSet): ReplicaSet {
  return fillField(set, 'spec', (spec) =>
    fillField(withDefaults(spec, { replicas: 1 }), 'template', defaultPodTemplate),
  );
}

export function defaultTemplateObject(object: PodTemplate): PodTemplate {
  return fillField(object, 'template', defaultPodTemplate);
}
