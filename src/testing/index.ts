export type { Client } from '../client/client.ts';
export { startCluster, type TestCluster, type TestClusterOptions } from './start-cluster.ts';
