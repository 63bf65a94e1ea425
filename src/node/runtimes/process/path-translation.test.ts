import { describe, expect, test } from 'vitest';

import { translatePaths } from './path-translation.ts';

const mount = (mountPath: string, hostPath: string) => ({ mountPath, hostPath, readOnly: false });
const mounts = [mount('/data', '/srv/v1'), mount('/data/logs/', '/srv/v2'), mount('/etc/app.conf', '/srv/app conf')];

describe('paths of volumes where nothing is mounted', () => {
  test.each([
    ['/data', '/srv/v1'],
    ['/data/', '/srv/v1/'],
    ['/data/db/x', '/srv/v1/db/x'],
    ['--dir=/data', '--dir=/srv/v1'],
    ['--dir=/data,/data/logs', '--dir=/srv/v1,/srv/v2'],
    ['/data/logs/today', '/srv/v2/today'],
    ['cat "/data/x" >\'/data/y\'; ls /data', 'cat "/srv/v1/x" >\'/srv/v1/y\'; ls /srv/v1'],
    ['PATH=/data/bin:/bin:/data', 'PATH=/srv/v1/bin:/bin:/srv/v1'],
    ['-c/etc/app.conf', '-c/etc/app.conf'],
    ['-c /etc/app.conf', '-c /srv/app conf'],
  ])('%s', (text, expected) => expect(translatePaths(text, mounts)).toBe(expected));

  test.each(['/database', '/srv/data', 'data', './data', '/data2/x', '/data-old', '/etc/app.conf.d', 'x/data'])(
    '%s is another path',
    (text) => expect(translatePaths(text, mounts)).toBe(text),
  );

  test('what was put in is not looked at again', () => {
    expect(translatePaths('/a /b', [mount('/a', '/b'), mount('/b', '/a')])).toBe('/b /a');
    expect(translatePaths('/$&/x', [mount('/$&', '/srv/$1')])).toBe('/srv/$1/x');
  });
});
