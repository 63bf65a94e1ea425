import type {
  CustomResourceDefinition,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PriorityClass,
  Service,
} from '../../api/generated/types.ts';
import {
  CustomResourceDefinitions,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  PriorityClasses,
  Services,
} from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { qualifiedName } from '../../api/resource-type.ts';
import type { RegistryCore } from '../core.ts';
import { type Admitted, admittedAs } from './admitted.ts';
import { admitDefinition, admitNewDefinition } from './definitions.ts';
import { admitPod } from './pods.ts';
import { admitPriorityClass } from './priority-classes.ts';
import { admitChangedService, admitNewService } from './services.ts';
import { admitClaim, admitVolume } from './storage.ts';

/** What the cluster decides about the objects of one kind. */
interface Admitter<T extends KubernetesObject = KubernetesObject> {
  create?(core: RegistryCore, object: T): Promise<Admitted>;
  update?(core: RegistryCore, object: T, old: T): Promise<Admitted>;
}

const pods: Admitter<Pod> = { create: async (core, pod) => admittedAs(await admitPod(core, pod)) };
const claims: Admitter<PersistentVolumeClaim> = {
  create: async (core, claim) => admittedAs(await admitClaim(core, claim)),
};
const volumes: Admitter<PersistentVolume> = { create: async (_core, volume) => admittedAs(admitVolume(volume)) };
const definitions: Admitter<CustomResourceDefinition> = {
  create: async (core, definition) => admittedAs(admitNewDefinition(core, definition)),
  update: async (core, definition) => admittedAs(admitDefinition(core, definition)),
};
const priorities: Admitter<PriorityClass> = {
  create: async (core, priority) => admittedAs(await admitPriorityClass(core, priority)),
  update: async (core, priority) => admittedAs(await admitPriorityClass(core, priority)),
};
const services: Admitter<Service> = { create: admitNewService, update: admitChangedService };

/** The kinds the cluster has a say in. */
export const admitters: ReadonlyMap<string, Admitter> = new Map<string, Admitter>([
  [qualifiedName(Pods), pods],
  [qualifiedName(PersistentVolumeClaims), claims],
  [qualifiedName(PersistentVolumes), volumes],
  [qualifiedName(PriorityClasses), priorities],
  [qualifiedName(Services), services],
  [qualifiedName(CustomResourceDefinitions), definitions],
]);
