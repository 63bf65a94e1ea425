import { expect, test } from 'vitest';

import { escapeField, mountOf, readHostMounts, realFileSystems } from './host-mounts.ts';

const INFO = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid,nodev,noexec - proc proc rw
24 22 0:22 / /run rw,nosuid - tmpfs tmpfs rw
25 22 254:1 / /usr rw,nosuid,relatime shared:1 - ext4 /dev/vdb rw
26 22 254:2 / /usr/local\\040\\303\\274 rw,nodev - xfs /dev/vdc rw
27 24 254:3 / /run/media rw - vfat /dev/sda1 rw
`;

test('the mounts of the machine are read as the kernel writes them', () => {
  const mounts = readHostMounts(INFO);
  expect(mounts.map(({ target }) => target)).toEqual(['/', '/proc', '/run', '/usr', '/usr/local ü', '/run/media']);
  expect(mountOf(mounts, '/usr/lib/x')).toMatchObject({ target: '/usr', type: 'ext4', restrictions: ['nosuid'] });
  expect(mountOf(mounts, '/usr-x')?.target).toBe('/');
  // Those with somebody's files, which are there.
  expect(realFileSystems(mounts).map(({ target }) => target)).toEqual(['/usr']);
});

test('a field of an fstab has no blank, and no beginning of a comment', () => {
  expect(escapeField('/a b\tc\nd\\e#f')).toBe('/a\\040b\\011c\\012d\\134e\\043f');
});
