import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { ApiError } from '../../api/errors.ts';
import type { ManagedFieldsEntry } from '../../api/generated/types.ts';
import { objectType } from '../../api/schema-types.ts';
import { seal } from '../values.ts';
import { applyConfiguration } from './apply.ts';
import { difference, type FieldSet, intersection, isEmptySet, LEAF, pathsOf, union, without } from './field-set.ts';
import { type Managed, trackManagers } from './managers.ts';

type Live = object & Managed & Record<string, unknown>;

const type = objectType('Deployment');

/** One object and who writes it, one after the other. */
class Scene {
  live: Live | undefined;
  #second = 0;

  apply(manager: string, config: object, force = false): Live {
    this.live = seal(
      applyConfiguration({ type, live: this.live, config: seal(config), writer: this.#writer(manager), force }),
    ) as Live;
    return this.live;
  }

  update(manager: string, change: (live: Live) => object, subresource?: string): Live {
    const before = this.live;
    const after = change(before ?? { metadata: {} }) as Live;
    const managedFields = trackManagers(before, after, type, {
      ...this.#writer(manager),
      ...(subresource !== undefined && { subresource }),
    });
    const { managedFields: _, ...metadata } = after.metadata;
    this.live = seal({ ...after, metadata: { ...metadata, ...(managedFields && { managedFields }) } }) as Live;
    return this.live;
  }

  /** The fields each manager owns, as paths. */
  owners(): Record<string, string[]> {
    return Object.fromEntries(
      (this.live?.metadata.managedFields ?? []).map((entry) => [
        `${entry.manager} ${entry.operation}`,
        pathsOf(entry.fieldsV1 as FieldSet).map((path) => path.join(' ')),
      ]),
    );
  }

  entry(manager: string): ManagedFieldsEntry | undefined {
    return this.live?.metadata.managedFields?.find((entry) => entry.manager === manager);
  }

  #writer(manager: string): { manager: string; apiVersion: string; time: string } {
    this.#second++;
    return { manager, apiVersion: 'apps/v1', time: `2026-01-01T00:00:${String(this.#second).padStart(2, '0')}Z` };
  }
}

const named = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...metadata },
  spec,
});
const containers = (...list: object[]): object => ({ template: { spec: { containers: list } } });
const specOf = (live: Live): Record<string, unknown> => live.spec as Record<string, unknown>;
const containersOf = (live: Live): unknown =>
  (specOf(live).template as { spec: { containers: unknown } }).spec.containers;

function refusal(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('nothing was refused');
}

describe('server-side apply', () => {
  test('of an object that does not exist is that object, owned by the applier', () => {
    const scene = new Scene();
    const live = scene.apply(
      'a',
      named({ replicas: 3, ...containers({ name: 'c', image: 'x' }) }, { labels: { l: '1' } }),
    );
    expect(specOf(live).replicas).toBe(3);
    expect(scene.owners()).toEqual({
      'a Apply': [
        'f:metadata f:labels f:l',
        'f:spec f:replicas',
        'f:spec f:template f:spec f:containers k:{"name":"c"}',
        'f:spec f:template f:spec f:containers k:{"name":"c"} f:name',
        'f:spec f:template f:spec f:containers k:{"name":"c"} f:image',
      ],
    });
  });

  test('applying the same again changes nothing at all', () => {
    const scene = new Scene();
    const config = named({ replicas: 3, ...containers({ name: 'c', image: 'x' }) });
    const first = scene.apply('a', config);
    expect(scene.apply('a', config)).toEqual(first);
  });

  test('merges list items by key and leaves alone what others wrote', () => {
    const scene = new Scene();
    scene.apply('a', named(containers({ name: 'c', image: 'x' })));
    scene.update('b', (live) => ({ ...live, spec: containers({ name: 'c', image: 'x' }, { name: 'd', image: 'y' }) }));
    const live = scene.apply('a', named(containers({ name: 'c', image: 'z' })));
    expect(containersOf(live)).toEqual([
      { name: 'c', image: 'z' },
      { name: 'd', image: 'y' },
    ]);
  });

  test('a field that is applied no more is gone when nobody else owns it', () => {
    const scene = new Scene();
    scene.apply(
      'a',
      named({ replicas: 3, paused: true, ...containers({ name: 'c' }, { name: 'd' }) }, { labels: { l: '1' } }),
    );
    const live = scene.apply('a', named({ paused: true, ...containers({ name: 'c' }) }));
    expect(specOf(live)).toEqual({ paused: true, ...containers({ name: 'c' }) });
    expect(live.metadata).toMatchObject({ name: 'web' });
    expect(live.metadata).not.toHaveProperty('labels');
  });

  test('a field that is applied no more stays when another applies it too', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3, minReadySeconds: 1 }));
    scene.apply('b', named({ replicas: 3 }));
    const live = scene.apply('a', named({ minReadySeconds: 1 }));
    expect(specOf(live)).toEqual({ replicas: 3, minReadySeconds: 1 });
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:minReadySeconds'], 'b Apply': ['f:spec f:replicas'] });
  });

  test('removing what one applied takes along what was defaulted inside it', () => {
    const scene = new Scene();
    const probe = { livenessProbe: { tcpSocket: { port: 80 } } };
    scene.apply('a', named(containers({ name: 'c', ...probe })));
    const defaulted = { livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 10 } };
    // The server's own defaults have no owner.
    scene.live = seal({ ...scene.live, spec: containers({ name: 'c', ...defaulted }) }) as Live;
    const live = scene.apply('a', named(containers({ name: 'c' })));
    expect(containersOf(live)).toEqual([{ name: 'c' }]);
  });

  test('another value for a field of another manager is a conflict, and nothing changes', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3, paused: true }));
    const before = scene.live;
    const error = refusal(() => scene.apply('b', named({ replicas: 5 })));
    expect(error.code).toBe(409);
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.replicas');
    expect(error.status.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.spec.replicas' },
    ]);
    expect(scene.live).toBe(before);
  });

  test('several conflicts are all named', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3 }));
    scene.update('u', (live) => ({ ...live, spec: { ...specOf(live), ...containers({ name: 'c', image: 'x' }) } }));
    const config = named({ replicas: 5, ...containers({ name: 'c', image: 'y' }) });
    expect(refusal(() => scene.apply('b', config)).message).toBe(
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.replicas\nconflicts with "u" using apps/v1:\n- .spec.template.spec.containers[name="c"].image',
    );
  });

  test('force takes the fields over, and only those', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3, paused: true }));
    const live = scene.apply('b', named({ replicas: 5 }), true);
    expect(specOf(live)).toEqual({ replicas: 5, paused: true });
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:paused'], 'b Apply': ['f:spec f:replicas'] });
  });

  test('what only the defaults of the server add is no conflict', () => {
    const scene = new Scene();
    scene.update('u', () =>
      named(containers({ name: 'c', env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] })),
    );
    const withVersion = { fieldRef: { apiVersion: 'v1', fieldPath: 'x' } };
    scene.update('u', (live) => ({
      ...live,
      spec: containers({ name: 'c', env: [{ name: 'A', valueFrom: withVersion }] }),
    }));
    const config = seal(
      named(containers({ name: 'c', env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] })),
    );
    const writer = { manager: 'a', apiVersion: 'apps/v1', time: '2026-01-01T00:00:59Z' };
    const application = { type, live: scene.live, config, writer, force: false };
    expect(refusal(() => applyConfiguration(application)).code).toBe(409);
    const complete = (object: object): object =>
      JSON.parse(JSON.stringify(object).replace('{"fieldPath', '{"apiVersion":"v1","fieldPath'));
    expect(() => applyConfiguration({ ...application, complete })).not.toThrow();
  });

  test('the same value is shared without a conflict', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3 }));
    scene.apply('b', named({ replicas: 3 }));
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:replicas'], 'b Apply': ['f:spec f:replicas'] });
    expect(refusal(() => scene.apply('b', named({ replicas: 4 }))).code).toBe(409);
  });

  test('a selector is one value', () => {
    const scene = new Scene();
    scene.apply('a', named({ selector: { matchLabels: { a: '1' } } }));
    expect(refusal(() => scene.apply('b', named({ selector: { matchLabels: { b: '2' } } }))).message).toContain(
      '.spec.selector',
    );
  });

  test('an object that nobody manages had one writer before', () => {
    const scene = new Scene();
    scene.live = seal(named({ replicas: 3 })) as Live;
    expect(refusal(() => scene.apply('a', named({ replicas: 5 }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
    scene.apply('a', named({ replicas: 5 }), true);
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:replicas'] });
  });

  test('an object that nobody manages had one writer before its first update too', () => {
    const scene = new Scene();
    scene.live = seal({ ...(named({ replicas: 3, paused: true }) as Live), status: { replicas: 3 } });
    scene.update('b', (live) => ({ ...live, spec: { replicas: 4, paused: true } }));
    expect(scene.owners()).toEqual({
      'before-first-apply Update': ['f:spec f:paused', 'f:status f:replicas'],
      'b Update': ['f:spec f:replicas'],
    });
    expect(refusal(() => scene.apply('a', named({ paused: false }))).message).toContain('"before-first-apply"');
  });

  test('what the route does not write is not owned', () => {
    const scene = new Scene();
    scene.apply('a', { ...named({ replicas: 1 }), status: { replicas: 1 } });
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:replicas'] });
  });

  test('needs a manager, and none in the configuration', () => {
    expect(refusal(() => new Scene().apply('', named({}))).code).toBe(422);
    expect(refusal(() => new Scene().apply('a', named({}, { managedFields: [{ manager: 'x' }] }))).message).toBe(
      'metadata.managedFields must be nil',
    );
  });
});

describe('owners after updates', () => {
  test('a creator owns what it wrote', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1 }, { uid: 'u', labels: { l: '1' } }));
    expect(scene.owners()).toEqual({
      'c Update': ['f:metadata f:labels', 'f:metadata f:labels f:l', 'f:spec f:replicas'],
    });
    expect(scene.entry('c')).toMatchObject({ operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' });
  });

  test('a changed field changes its owner', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1, paused: true }));
    scene.update('d', (live) => ({ ...live, spec: { ...specOf(live), replicas: 2 } }));
    expect(scene.owners()).toEqual({ 'c Update': ['f:spec f:paused'], 'd Update': ['f:spec f:replicas'] });
  });

  test('a removed field has no owner, and a manager of nothing is forgotten', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1 }));
    scene.update('d', (live) => ({ ...live, spec: { paused: true } }));
    expect(scene.owners()).toEqual({ 'd Update': ['f:spec f:paused'] });
  });

  test('a write that changes nothing keeps list and times', () => {
    const scene = new Scene();
    const before = scene.update('c', () => named({ replicas: 1 }));
    const after = scene.update('d', (live) => structuredClone(live));
    expect(after.metadata.managedFields).toEqual(before.metadata.managedFields);
  });

  test('the same fields written again move the time only', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1 }));
    const first = scene.entry('c');
    scene.update('c', (live) => ({ ...live, spec: { replicas: 2 } }));
    expect(scene.entry('c')?.fieldsV1).toBe(first?.fieldsV1);
    expect(scene.entry('c')?.time).not.toBe(first?.time);
  });

  test('writes of the status are another entry', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1 }));
    scene.update('c', (live) => ({ ...live, status: { replicas: 1 } }), 'status');
    expect(scene.live?.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ['c', undefined],
      ['c', 'status'],
    ]);
  });

  test('an update takes applied fields from their applier', () => {
    const scene = new Scene();
    scene.apply('a', named({ replicas: 3, paused: true }));
    scene.update('u', (live) => ({ ...live, spec: { ...specOf(live), replicas: 4 } }));
    expect(scene.owners()).toEqual({ 'a Apply': ['f:spec f:paused'], 'u Update': ['f:spec f:replicas'] });
  });

  test('a client may ask for a clean slate, and cannot hand in nonsense', () => {
    const scene = new Scene();
    scene.update('c', () => named({ replicas: 1 }));
    const managedFields = [{ manager: 'x', operation: 'Update', fieldsV1: { 'f:spec': null } }] as ManagedFieldsEntry[];
    scene.update('d', (live) => ({ ...live, metadata: { ...live.metadata, managedFields } }));
    expect(Object.keys(scene.owners())).toEqual(['c Update']);
    scene.update('d', (live) => ({ ...live, metadata: { ...live.metadata, managedFields: [{}] } }));
    expect(scene.live?.metadata).not.toHaveProperty('managedFields');
  });

  test('there are at most ten updaters: the oldest become one', () => {
    const scene = new Scene();
    for (let n = 0; n < 14; n++) {
      const annotations = Object.fromEntries(Array.from({ length: n + 1 }, (_, i) => [`k${i}`, 'x']));
      scene.update(`m${n}`, (live) => ({ ...live, metadata: { ...live.metadata, name: 'web', annotations } }));
    }
    const entries = scene.live?.metadata.managedFields ?? [];
    expect(entries).toHaveLength(10);
    expect(entries[0]?.manager).toBe('ancient-changes');
    expect(Object.values(scene.owners()).flat()).toHaveLength(15);
  });
});

describe('sets of fields', () => {
  const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"c"}', 'v:1');
  const path = fc.array(element, { minLength: 1, maxLength: 4 });
  const single = (elements: readonly string[]): FieldSet =>
    elements.reduceRight<FieldSet>((node, at) => ({ [at]: node }), LEAF);
  const set = fc
    .array(path, { minLength: 1, maxLength: 8 })
    .map((paths) => paths.map(single).reduce<FieldSet>((all, one) => union(all, one), {}));
  const texts = (value: FieldSet | undefined): Set<string> =>
    new Set(pathsOf(value ?? {}).map((path) => path.join(' ')));

  test('are sets of paths', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [inA, inB] = [texts(a), texts(b)];
        expect(texts(union(a, b))).toEqual(new Set([...inA, ...inB]));
        expect(texts(difference(a, b))).toEqual(new Set([...inA].filter((path) => !inB.has(path))));
        const below = (path: string): boolean => [...inB].some((root) => path === root || path.startsWith(`${root} `));
        expect(texts(without(a, b))).toEqual(new Set([...inA].filter((path) => !below(path))));
        expect(texts(intersection(a, b))).toEqual(new Set([...inA].filter((path) => inB.has(path))));
      }),
    );
  });

  test('that do not change stay the same reference', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const both = union(a, b);
        expect(union(both, b)).toBe(both);
        const rest = difference(a, b);
        expect(difference(rest, b)).toBe(rest);
        expect(isEmptySet(difference(a, a))).toBe(true);
      }),
    );
  });
});
