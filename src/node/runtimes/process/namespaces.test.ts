import { describe } from 'vitest';

import { describeProcessRuntime } from './contract.ts';

describe.skipIf(process.getuid?.() !== 0)('on Linux as root', () => {
  describeProcessRuntime('namespaces');
});
