import { ageOf } from '../duration.ts';
import type { CustomResourceColumnDefinition, CustomResourceDefinitionVersion } from '../generated/types.ts';
import { parseJsonPath } from '../json-path.ts';
import type { KubernetesObject } from '../meta.ts';
import { type Cell, nameColumn, shown, type TableColumn, type TableLayout } from './layout.ts';

interface CustomColumn {
  readonly column: TableColumn;
  readonly cell: (object: KubernetesObject, nowMs: number) => Cell;
}

const creation: CustomColumn = {
  column: shown('Age', ['ObjectMeta', 'creationTimestamp'], 'date'),
  cell: (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs),
};

/** The columns that the version of a definition asks for; without any, the age. */
export function customLayout({ additionalPrinterColumns = [] }: CustomResourceDefinitionVersion): TableLayout {
  const own = additionalPrinterColumns.length === 0 ? [creation] : additionalPrinterColumns.map(customColumn);
  return {
    columns: [nameColumn(), ...own.map(({ column }) => column)],
    cells: (object, nowMs) => [object.metadata.name, ...own.map(({ cell }) => cell(object, nowMs))],
  };
}

function customColumn(definition: CustomResourceColumnDefinition): CustomColumn {
  const { name, format = '', description = '', priority = 0, jsonPath } = definition;
  const type = columnType(definition.type);
  const path = parseJsonPath(jsonPath);
  return {
    column: {
      name,
      type,
      format,
      description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
      priority,
    },
    cell: (object, nowMs) => cellOf(path.find(object), type, nowMs),
  };
}

function columnType(type: string): TableColumn['type'] {
  switch (type) {
    case 'integer':
    case 'number':
    case 'boolean':
    case 'date':
      return type;
    default:
      return 'string';
  }
}

/** A value of another type than the column's is not shown. */
function cellOf(found: readonly unknown[], type: TableColumn['type'], nowMs: number): Cell {
  const [value] = found;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, nowMs) : null;
    case 'string':
      return found.length === 1 ? textOf(value) : found.map(textOf).join(',');
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
