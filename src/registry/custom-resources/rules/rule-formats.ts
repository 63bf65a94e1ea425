import type { Environment, Optional } from '@marcbachmann/cel-js';

import {
  checkDns1035Label,
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelValue,
  checkQualifiedName,
  type NameCheck,
} from '../../../api/names.ts';
import { isFormatted } from '../formats.ts';

/** What a text can be asked to be. */
class NamedFormat {
  readonly check: NameCheck;

  constructor(check: NameCheck) {
    this.check = check;
  }
}

class Formats {}

/** What something may begin with to which more is added: a hyphen may be last. */
const prefix =
  (check: NameCheck): NameCheck =>
  (text) =>
    check(text.replace(/-$/, 'a'));

const written =
  (format: string): NameCheck =>
  (text) =>
    isFormatted(text, format) ? [] : [`must be of the format ${format}`];

const FORMATS: ReadonlyMap<string, NameCheck> = new Map([
  ['dns1123Label', checkDnsLabel],
  ['dns1123Subdomain', checkDnsSubdomain],
  ['dns1035Label', checkDns1035Label],
  ['dns1123LabelPrefix', prefix(checkDnsLabel)],
  ['dns1123SubdomainPrefix', prefix(checkDnsSubdomain)],
  ['dns1035LabelPrefix', prefix(checkDns1035Label)],
  ['qualifiedName', checkQualifiedName],
  ['labelValue', checkLabelValue],
  ['uri', written('uri')],
  ['uuid', written('uuid')],
  ['byte', written('byte')],
  ['date', written('date')],
  ['datetime', written('datetime')],
]);

/** Formats by their names: `!format.dns1123Label().validate(self.name).hasValue()`. */
export function withFormats(environment: Environment, optional: typeof Optional): Environment {
  environment
    .registerType('Format', NamedFormat)
    .registerType('Formats', Formats)
    .registerConstant('format', 'Formats', new Formats())
    .registerFunction('Formats.named(string): optional<Format>', (_: Formats, name: string) => {
      const check = FORMATS.get(name);
      return check === undefined ? optional.none() : optional.of(new NamedFormat(check));
    })
    .registerFunction('Format.validate(string): optional<list<string>>', ({ check }: NamedFormat, text: string) => {
      const problems = check(text);
      return problems.length === 0 ? optional.none() : optional.of([...problems]);
    });
  for (const [name, check] of FORMATS) {
    environment.registerFunction(`Formats.${name}(): Format`, () => new NamedFormat(check));
  }
  return environment;
}
