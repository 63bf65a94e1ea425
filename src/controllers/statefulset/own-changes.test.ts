import { beforeEach, describe, expect, test } from 'vitest';

import type { KubernetesObject } from '../../api/meta.ts';
import { OwnChanges } from './own-changes.ts';

const version = (resourceVersion: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-0', uid: 'u', resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' },
});

let own: OwnChanges;
beforeEach(() => {
  own = new OwnChanges();
  own.begin('web');
});

describe('what a pass has written itself', () => {
  test('calls for no other pass when it is shown before the answer', () => {
    expect(own.isForeign('web', version('7'))).toBe(false);
    own.wrote('web', version('7'));
    expect(own.end('web')).toBe(false);
  });

  test('calls for no other pass when it is shown after the pass, once', () => {
    own.wrote('web', version('7'));
    expect(own.end('web')).toBe(false);
    expect(own.isForeign('web', version('7'))).toBe(false);
    expect(own.isForeign('web', version('7'))).toBe(true);
  });

  test('calls for another pass when it has been disowned', () => {
    expect(own.isForeign('web', version('7'))).toBe(false);
    own.wrote('web', version('7'));
    own.disown('web');
    expect(own.end('web')).toBe(true);
  });
});

describe('what another has written', () => {
  test('calls for a pass after this one', () => {
    own.wrote('web', version('7'));
    expect(own.isForeign('web', version('8'))).toBe(false);
    expect(own.end('web')).toBe(true);
    expect(own.isForeign('web', version('7'))).toBe(false);
  });

  test('calls for a pass at once when there is none', () => {
    own.end('web');
    expect(own.isForeign('web', version('8'))).toBe(true);
    expect(own.isForeign('other', version('8'))).toBe(true);
  });
});
