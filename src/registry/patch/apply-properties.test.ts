import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { objectType } from '../../api/schema-types.ts';
import { isJsonObject, seal } from '../values.ts';
import { applyConfiguration } from './apply.ts';
import { type FieldSet, pathsOf } from './field-set.ts';
import { type Managed, trackManagers } from './managers.ts';
import { strategicPatch } from './strategic-patch.ts';

const type = objectType('Deployment');
type Live = object & Managed;

const few = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const byName = (item: fc.Arbitrary<object>): fc.Arbitrary<object[]> =>
  fc
    .uniqueArray(fc.tuple(few('a', 'b', 'c'), item), { selector: ([name]) => name, maxLength: 3 })
    .map((list) => list.map(([name, rest]) => ({ name, ...rest })));
const optional = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc.record(fields, { requiredKeys: [] });

/** Configurations small enough to meet each other often. */
const configuration = optional({
  replicas: few(1, 2),
  paused: fc.boolean(),
  selector: few({ matchLabels: { a: '1' } }, { matchLabels: { b: '2' } }),
  template: optional({
    spec: optional({
      containers: byName(
        optional({
          image: few('x', 'y'),
          command: few(['1'], ['2', '3']),
          env: byName(optional({ value: few('1', '2') })),
          ports: few([{ containerPort: 80, protocol: 'TCP' }], [{ containerPort: 80, protocol: 'UDP', name: 'u' }]),
          livenessProbe: few({ tcpSocket: { port: 1 } }, { exec: { command: ['x'] }, periodSeconds: 3 }),
        }),
      ),
      volumes: byName(few({ emptyDir: {} }, { emptyDir: { medium: 'Memory' } }, { configMap: { name: 'm' } })),
    }),
  }),
}).chain((spec) =>
  optional({
    labels: fc.dictionary(few('l', 'm', '__proto__'), few('1', '2')),
    finalizers: few(['f'], ['f', 'g']),
  }).map((metadata) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata }, spec })),
);

const step = fc.record({ manager: few('a', 'b', 'c'), apply: fc.boolean(), config: configuration });
type Step = { manager: string; apply: boolean; config: object };

function done(live: Live | undefined, { manager, apply, config }: Step, second: number): Live {
  const writer = { manager, apiVersion: 'apps/v1', time: `2026-01-01T00:00:${String(second % 60).padStart(2, '0')}Z` };
  if (apply) return seal(applyConfiguration({ type, live, config: seal(config), writer, force: true })) as Live;
  const known = live?.metadata.managedFields;
  const { metadata, ...rest } = config as { metadata: object };
  const next = { ...rest, metadata: { ...metadata, ...(known && { managedFields: known }) } };
  const managedFields = trackManagers(live, next as Live, type, writer);
  return seal({ ...next, metadata: { ...metadata, ...(managedFields && { managedFields }) } }) as Live;
}

/** What is at a path of owned fields; undefined when nothing is. */
function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((here, element) => {
    const rest = element.slice(2);
    if (element.startsWith('f:')) return isJsonObject(here) && Object.hasOwn(here, rest) ? here[rest] : undefined;
    const list = Array.isArray(here) ? here : [];
    if (element.startsWith('v:')) return list.find((item) => JSON.stringify(item) === rest);
    const keys = Object.entries(JSON.parse(rest) as object);
    return list.find((item) => isJsonObject(item) && keys.every(([key, wanted]) => item[key] === wanted));
  }, value);
}

describe('whatever is applied and updated, in whatever order', () => {
  test('every owned field is there', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        let live: Live | undefined;
        for (const [index, one] of steps.entries()) {
          live = done(live, one, index);
          for (const entry of live.metadata.managedFields ?? []) {
            for (const path of pathsOf(entry.fieldsV1 as FieldSet)) {
              expect(at(live, path), `${entry.manager} ${entry.operation}: ${path.join(' ')}`).toBeDefined();
            }
          }
        }
      }),
    );
  });

  test('what was just applied is there, is owned by its applier, and applying it again changes nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), configuration, (steps, config) => {
        const before = steps.reduce<Live | undefined>((live, one, index) => done(live, one, index), undefined);
        const applied = done(before, { manager: 'z', apply: true, config }, 58);
        const entry = applied.metadata.managedFields?.find(({ manager }) => manager === 'z');
        for (const path of pathsOf((entry?.fieldsV1 ?? {}) as FieldSet)) {
          const wanted = at(config, path);
          if (typeof wanted !== 'object') expect(at(applied, path)).toEqual(wanted);
        }
        expect(done(applied, { manager: 'z', apply: true, config }, 59)).toEqual(applied);
      }),
    );
  });

  test('what is applied no more leaves no trace when nobody else wrote', () => {
    fc.assert(
      fc.property(configuration, configuration, (first, second) => {
        // All at one time, which is not the subject: applying the same again is no write and keeps its time.
        const once = done(undefined, { manager: 'z', apply: true, config: second }, 0);
        const both = done(
          done(undefined, { manager: 'z', apply: true, config: first }, 0),
          { manager: 'z', apply: true, config: second },
          0,
        );
        const sorted = (value: unknown): unknown =>
          Array.isArray(value)
            ? value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
            : isJsonObject(value)
              ? Object.fromEntries(
                  Object.entries(value)
                    .sort(([a], [b]) => (a < b ? -1 : 1))
                    .map(([key, item]) => [key, sorted(item)]),
                )
              : value;
        expect(sorted(emptied(both))).toEqual(sorted(emptied(once)));
      }),
    );
  });
});

/** Without empty lists and maps, which nobody can own. */
function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(emptied);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([key, item]) => {
    const inner = key === 'emptyDir' ? item : emptied(item);
    return inner === undefined ? [] : [[key, inner] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

describe('a strategic merge patch', () => {
  test('changes nothing when it is applied again', () => {
    fc.assert(
      fc.property(configuration, configuration, (object, patch) => {
        const once = strategicPatch(type, seal(object), seal(patch));
        expect(strategicPatch(type, once, patch)).toEqual(once);
      }),
    );
  });
});
