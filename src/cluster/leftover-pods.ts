import fs from 'node:fs';
import path from 'node:path';

import { livingPods } from '../node/runtimes/process/living-pods.ts';
import { dataPaths } from './data-directory.ts';

/** A pod that runs on, though no server does. */
export interface LeftoverPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
}

/** The pods of a data directory that run, by name. */
export function leftoverPods(directory: string): readonly LeftoverPod[] {
  const { nodes } = dataPaths(directory);
  if (!fs.existsSync(nodes)) return [];
  return fs
    .readdirSync(nodes)
    .flatMap((node) => livingPods(path.join(nodes, node)).map((pod) => ({ ...pod, node })))
    .sort((a, b) => fullName(a).localeCompare(fullName(b), 'en', { numeric: true }));
}

function fullName({ namespace, name }: LeftoverPod): string {
  return `${namespace}/${name}`;
}
