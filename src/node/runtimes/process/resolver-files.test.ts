import { expect, test } from 'vitest';

import type { PodConfig } from '../runtime.ts';
import { hostsFile } from './resolver-files.ts';

const whole = 'db-0.db.default.svc.cluster.local';

test.each([
  [{ hostname: 'db-0' }, '10.1.1.1\tdb-0'],
  [{ hostname: 'db-0', fullyQualifiedName: whole }, `10.1.1.1\t${whole}\tdb-0`],
  [{ hostname: whole, fullyQualifiedName: whole }, `10.1.1.1\t${whole}\tdb-0`],
])('a pod finds itself by its names: %j', (names, line) => {
  const pod = { ...names, hostAliases: [] } as unknown as PodConfig;
  expect(hostsFile(pod, '10.1.1.1').split('\n')).toContain(line);
});
