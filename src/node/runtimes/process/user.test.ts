import { describe } from 'vitest';

import { describeProcessRuntime } from './contract.ts';

// The tests of a file are a process of their own. As root it becomes another user, for good.
const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

describe.skipIf(process.platform !== 'linux')('on Linux without root', () => {
  describeProcessRuntime('user');
});
