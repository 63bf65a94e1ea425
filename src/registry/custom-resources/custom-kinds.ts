import { compareVersions, customTypes } from '../../api/custom-types.ts';
import { apiError } from '../../api/errors.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { CustomResourceDefinitions } from '../../api/kinds.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import type { Entry, Store } from '../../store/store.ts';
import { resourcePrefix } from '../keys.ts';
import { convertingStore } from './converting-store.ts';
import { loadPatterns } from './patterns.ts';
import { loadRules } from './rules/cel.ts';
import { hasRules } from './rules/validate-rules.ts';

/** One version of a custom kind, as it is served now. */
export interface CustomKind {
  readonly type: ResourceType;
  readonly definition: CustomResourceDefinition;
  /** The store as this version shows it. */
  readonly store: Store;
  /** Called when the version is served no longer. */
  readonly onGone: Set<() => void>;
}

type TypeName = Pick<ResourceType, 'group' | 'version' | 'plural'>;

const nameOf = ({ group, version, plural }: TypeName): string => `${group}/${version}/${plural}`;

/** The kinds that stored definitions make, and which definitions there are. */
export class CustomKinds {
  readonly #store: Store;
  readonly #definitions = new Map<string, CustomResourceDefinition>();
  readonly #kinds = new Map<string, CustomKind>();
  #types: readonly ResourceType[] = [];
  #isFollowing = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order discovery lists them: by group, the preferred version first. */
  get types(): readonly ResourceType[] {
    return this.#types;
  }

  get definitions(): Iterable<CustomResourceDefinition> {
    return this.#definitions.values();
  }

  /** Reads what is stored, and follows what changes from then on. Does nothing when called again. */
  async follow(): Promise<void> {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const prefix = resourcePrefix(CustomResourceDefinitions);
    const { entries, revision } = await this.#store.list(prefix);
    const definitions = entries.map(definitionOf);
    const schemas = definitions.flatMap(({ spec }) => spec.versions.map(({ schema }) => schema?.openAPIV3Schema));
    if (schemas.some(hasRules)) await loadRules();
    else if (definitions.length > 0) await loadPatterns();
    for (const definition of definitions) this.#put(definition);
    this.#arrange();
    this.#store.watch(prefix, revision, {
      events: (batch) => {
        for (const { type, entry } of batch) {
          if (type === 'put') this.#put(definitionOf(entry));
          else this.#remove(definitionOf(entry).metadata.name);
        }
        this.#arrange();
      },
      closed: () => {},
    });
  }

  find(name: TypeName): CustomKind | undefined {
    return this.#kinds.get(nameOf(name));
  }

  /** Throws `NotFound`, as for any path that is not there. */
  require(name: TypeName): CustomKind {
    const found = this.find(name);
    if (found === undefined) throw apiError('NotFound', 'the server could not find the requested resource');
    return found;
  }

  #put(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    const before = this.#kindsOf(name);
    this.#definitions.set(name, definition);
    const types = customTypes(definition);
    for (const kind of before) {
      if (!types.some((type) => nameOf(type) === nameOf(kind.type))) this.#drop(kind);
    }
    for (const type of types) {
      const known = this.#kinds.get(nameOf(type));
      const store = known?.type === type ? known.store : this.#storeFor(type, definition);
      const isSame = known?.store === store;
      this.#kinds.set(nameOf(type), { type, definition, store, onGone: isSame ? known.onGone : new Set() });
      // Who watches goes on from the version it saw, in the way objects are shown now.
      if (known !== undefined && !isSame) end(known);
    }
  }

  #remove(name: string): void {
    for (const kind of this.#kindsOf(name)) this.#drop(kind);
    this.#definitions.delete(name);
  }

  #kindsOf(definition: string): readonly CustomKind[] {
    return [...this.#kinds.values()].filter((kind) => kind.definition.metadata.name === definition);
  }

  #drop(kind: CustomKind): void {
    this.#kinds.delete(nameOf(kind.type));
    end(kind);
  }

  #arrange(): void {
    this.#types = [...this.#kinds.values()]
      .map(({ type }) => type)
      .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : compareVersions(a.version, b.version)));
  }

  /** With one version there is nothing to convert. */
  #storeFor(type: ResourceType, { spec, status }: CustomResourceDefinition): Store {
    const stored = spec.versions.find(({ storage }) => storage);
    const once = status?.storedVersions ?? [];
    if (stored === undefined || (spec.versions.length === 1 && once.every((version) => version === stored.name))) {
      return this.#store;
    }
    return convertingStore(this.#store, {
      prefix: resourcePrefix(type),
      shown: apiVersionOf(type),
      stored: apiVersionOf({ group: type.group, version: stored.name }),
    });
  }
}

function end({ onGone }: CustomKind): void {
  for (const tell of [...onGone]) tell();
}

/** Only the registry writes below the prefix. */
function definitionOf(entry: Entry): CustomResourceDefinition {
  return entry.value as CustomResourceDefinition;
}
