import { SelectorSyntaxError } from './labels.ts';

/** One condition on a field of an object; all of a selector must hold. */
export interface FieldRequirement {
  /** `spec.nodeName` */
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/**
 * The conditions of a field selector: `status.phase!=Running,spec.nodeName=node-0`. `\` takes the next `,`, `=` or `\`
 * literally. Empty text: none. Throws {@link SelectorSyntaxError}.
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => {
      const found = /^((?:[^\\=!]|\\.|!(?!=))*)(==|!=|=)(.*)$/s.exec(term);
      const [, field, operator, value] = found ?? [];
      if (field === undefined || operator === undefined || value === undefined) {
        throw new SelectorSyntaxError(`invalid selector: '${text}'; can't understand '${term}'`);
      }
      return { field: field.trim(), equal: operator !== '!=', value: unescaped(value, text) };
    });
}

function splitTerms(text: string): readonly string[] {
  const terms: string[] = [];
  let start = 0;
  for (let position = 0; position < text.length; position += 1) {
    const character = text.charAt(position);
    if (character === '\\') position += 1;
    else if (character === ',') {
      terms.push(text.slice(start, position));
      start = position + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescaped(value: string, text: string): string {
  return value.replace(/\\(.?)|[=]/gs, (sequence, escaped: string | undefined) => {
    if (escaped === '\\' || escaped === ',' || escaped === '=') return escaped;
    throw new SelectorSyntaxError(
      `invalid selector: '${text}'; invalid field selector: unescaped character in value: '${sequence}'`,
    );
  });
}

/** The text of a field selector: what {@link parseFieldSelector} reads. */
export function formatFieldSelector(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, equal, value }) => `${field}${equal ? '=' : '!='}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}
