import { describe } from 'vitest';

import { describeProcessRuntime } from './contract.ts';

describe('everywhere', () => {
  describeProcessRuntime('processes');
});
