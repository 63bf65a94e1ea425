#!/usr/bin/env node
import module from 'node:module';

// Where Node can (22 and newer), the compiled program is kept for the next run.
module.enableCompileCache?.();
await import('../dist/bin/main.js');
