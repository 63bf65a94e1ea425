import { type ContainerConfig, StartError } from '../runtime.ts';
import { commandLine, missingImageProgram } from './image-table.ts';

/** What to tell users of a run whose program could not be started: `step` is what container.sh failed at. */
export function startError(container: ContainerConfig, step: string, complaint: string): StartError {
  switch (step) {
    case 'program': {
      const [program] = commandLine(container);
      if (container.command.length === 0) return missingImageProgram(container.image, program);
      const why = program.includes('/') ? 'no such file, or not executable' : 'executable file not found in $PATH';
      return new StartError('RunContainerError', `exec: ${JSON.stringify(program)}: ${why}`);
    }
    case 'directory': {
      const directory = container.workingDir ?? '/';
      return new StartError('CreateContainerError', `the working directory ${directory} cannot be entered`);
    }
    case 'part':
      return new StartError('CreateContainerConfigError', 'a subPath must stay inside the volume');
    case 'limits':
      return new StartError('CreateContainerError', `the limits of the container cannot be set: ${complaint}`);
    case 'write':
      return new StartError(
        'CreateContainerError',
        'the files of the container cannot be written: is the disk of the node full?',
      );
    default:
      return new StartError('CreateContainerError', `the file systems of the container cannot be set up: ${complaint}`);
  }
}

/** A pod asks for what the level of isolation does not give (P9): it is refused, not run with less or with more. */
export function notAtThisLevel(isolation: string, what: string): StartError {
  return new StartError(
    'CreateContainerConfigError',
    `${what} is not possible at isolation level "${isolation}" of this node`,
  );
}
