import { expect, test } from 'vitest';

import { searchPath } from './container-command.ts';

const USUAL = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

test.each([
  [
    'a shell of Homebrew',
    '/opt/homebrew/bin:/usr/bin:/bin',
    '/opt/homebrew/bin/node',
    '/opt/homebrew/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin',
  ],
  [
    'npx',
    '/home/me/app/node_modules/.bin:/lib/node_modules/npm/node_modules/x:/usr/bin:bin::.',
    '/usr/bin/node',
    '/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin',
  ],
  ['nobody who has one', '', '/home/me/.nvm/v20/bin/node', `${USUAL}:/home/me/.nvm/v20/bin`],
])('containers find programs where %s does, and then in the usual places', (_, ofStarter, node, expected) => {
  expect(searchPath(ofStarter, node)).toBe(expected);
});
