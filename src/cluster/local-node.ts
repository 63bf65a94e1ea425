import type { NodeAgent } from '../node/agent.ts';
import type { Runtime } from '../node/runtimes/runtime.ts';
import type { Logger } from '../platform/logger.ts';

/** What runs while a node is in contact. */
export interface NodeParts {
  readonly agent: NodeAgent;
  readonly runtime: Runtime;
}

/**
 * A node of this process, which may be taken away and brought back as if its machine had lost contact: its pods run on,
 * nobody reports on them. What is asked for is done in the order it was asked for.
 */
export class LocalNode {
  readonly name: string;
  readonly #begin: () => Promise<NodeParts>;
  readonly #logger: Logger;
  #parts: NodeParts | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly name: string;
    readonly begin: () => Promise<NodeParts>;
    readonly logger: Logger;
  }) {
    this.name = options.name;
    this.#begin = options.begin;
    this.#logger = options.logger;
  }

  /** Undefined while the node is away. */
  get parts(): NodeParts | undefined {
    return this.#parts;
  }

  /** Resolves when the node is Ready. */
  start(): Promise<void> {
    return this.#next(async () => {
      if (this.#parts !== undefined) return;
      this.#parts = await this.#begin();
      this.#logger.info('the node is in contact', { node: this.name });
    });
  }

  /** Resolves when nothing is reported any more. */
  stop(): Promise<void> {
    return this.#next(async () => {
      const parts = this.#parts;
      if (parts === undefined) return;
      this.#parts = undefined;
      await parts.agent.stop();
      await parts.runtime.close();
      this.#logger.info('the node is out of contact', { node: this.name });
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => {});
    return result;
  }
}
