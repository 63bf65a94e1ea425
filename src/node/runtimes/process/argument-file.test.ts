import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { argumentFile } from './argument-file.ts';

/** The reading half as container.sh has it, and a program that tells what it was given. */
const READER = `
next() {
  IFS= read -r lines <&7 || return
  IFS= read -r argument <&7
  while [ "$lines" -gt 1 ]; do
    IFS= read -r line <&7
    argument=$argument'
'$line
    lines=$((lines - 1))
  done
}
exec 7<&0
set --
while next; do set -- "$@" "$argument"; done
for argument; do printf '%s\\0' "$argument"; done
`;

test('P6 every argument comes through a shell as it is', () => {
  const anything = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\n', '\\', "'", '"', '$', ' ', 'a', '1') }),
    ),
  );
  fc.assert(
    fc.property(anything, (generated) => {
      const values = generated.map((value) => value.replaceAll('\0', ''));
      const { stdout } = spawnSync('sh', ['-c', READER], { input: argumentFile(values) });
      const expected = Buffer.from(values.map((value) => `${value}\0`).join(''));
      expect(stdout.equals(expected)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
