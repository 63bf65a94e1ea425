import { Command, Option } from 'commander';

import type { StatefulSet } from '../../api/generated/types.ts';
import { observeAround, observeSet } from '../../controllers/statefulset/explain.ts';
import { describeStep, type Preview, type PreviewStep, preview } from '../../controllers/statefulset/preview.ts';
import { applyManifests } from '../apply.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { readManifests } from '../manifests.ts';
import { dataDirOption, filesOption, integer, namespaceOption } from '../options.ts';
import { type Output, toJson } from '../output.ts';
import { displayName, parseTargets } from '../resources.ts';

interface PlanOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly filename?: readonly string[];
  readonly output?: 'json';
}

const formatOption = (): Option => new Option('-o, --output <format>', 'how to show it').choices(['json']);

export function planCommand(output: Output): Command {
  return new Command('plan')
    .description('show the steps the controller would take, one after the other, without doing anything')
    .addOption(filesOption())
    .addOption(formatOption())
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nThe real plan is run forward on a copy, with pods that become ready.\n\nExamples:\n  berth plan -f changed.yaml\n  berth plan scale statefulset/kv --replicas 1',
    )
    .action(async (options: PlanOptions) => {
      if (!options.filename)
        throw new CliError('which change?', {
          hint: 'berth plan -f FILE, or berth plan scale statefulset/NAME --replicas N',
        });
      const sources = readManifests(options.filename);
      const session = connect(options);
      try {
        for (const { type, key, object, outcome } of await applyManifests(session.client, sources, {
          namespace: options.namespace,
          dryRun: true,
        })) {
          const name = displayName(type, key.name);
          if (type.kind === 'StatefulSet')
            show(
              name,
              preview(await observeAround(session.client, object as StatefulSet, Date.now())),
              options,
              output,
            );
          else if (options.output !== 'json') output.line(`${name}: ${outcome}`);
        }
      } finally {
        session.close();
      }
    })
    .addCommand(planScaleCommand(output));
}

function planScaleCommand(output: Output): Command {
  return new Command('scale')
    .description('the steps of a scale')
    .argument('<target...>', 'statefulset/NAME')
    .requiredOption('--replicas <number>', 'how many', integer(0, 2 ** 31 - 1))
    .addOption(formatOption())
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .action(async (words: string[], options: PlanOptions & { readonly replicas: number }) => {
      const targets = parseTargets(words);
      const session = connect(options);
      try {
        for (const { type, name } of targets) {
          if (name === undefined || type.kind !== 'StatefulSet')
            throw new CliError('plan scale takes statefulset/NAME');
          const observed = await observeSet(session.client, { namespace: options.namespace, name }, Date.now());
          const { set } = observed;
          const scaled = {
            ...set,
            metadata: { ...set.metadata, generation: (set.metadata.generation ?? 0) + 1 },
            spec: { ...set.spec, replicas: options.replicas },
          };
          show(displayName(type, name), preview({ ...observed, set: scaled }), options, output);
        }
      } finally {
        session.close();
      }
    });
}

/** A step with its text; of actions that are told as they are no more than that. */
function asJson(step: PreviewStep): object {
  const text = describeStep(step);
  return step.type === 'other' ? { type: step.action.type, text } : { ...step, text };
}

function show(name: string, { steps, stuck, paused, truncated }: Preview, options: PlanOptions, output: Output): void {
  if (options.output === 'json') {
    output.text(
      toJson({ object: name, steps: steps.map(asJson), ...(stuck && { stuck }), ...(paused && { paused }), truncated }),
    );
    return;
  }
  output.line(steps.length === 0 ? `${name}: nothing to do` : `${name}:`);
  const width = String(steps.length).length;
  for (const [index, step] of steps.entries())
    output.line(`  ${String(index + 1).padStart(width)}. ${describeStep(step)}`);
  if (truncated) output.line('  and so on');
  if (paused) output.line(`  then ${paused}`);
  if (stuck) output.line(`  then it waits, and only you can help: ${stuck.message}`);
}
