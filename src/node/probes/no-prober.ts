import type { PodProber } from './pod-prober.ts';

export const noProber: PodProber = { follow() {}, forget() {}, close() {} };
