import type { ClusterOptions } from '../cluster/cluster.ts';

/** The options of `berth up`, as commander hands them over. */
export interface UpOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly filename?: readonly string[];
  readonly runtime: 'process' | 'simulated';
  readonly isolation: 'auto' | 'namespaces' | 'user' | 'processes';
  readonly sharedAddress?: boolean;
  readonly nodes: number;
  readonly nodeMonitorGracePeriod: number;
  readonly restartBackOff: NonNullable<ClusterOptions['restartBackOff']>;
  readonly apiAddress: string;
  readonly apiPort: number;
  readonly dnsPort: number;
  readonly detach?: boolean;
  readonly timeout: number;
}
