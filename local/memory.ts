/** `npm run memory`: the memory of every process of a running platform, as PSS if the kernel reports it. */
import { existsSync, readFileSync } from 'node:fs';
import { projectPath } from '#platform/project';
import { type RunFile, runFilePath } from './data-folder/run-file.js';
import { memoryOf } from './process-memory.js';
import { dataFolderIn } from './setup/options.js';

const mebi = (kibibytes: number): string => `${(kibibytes / 1024).toFixed(0).padStart(6)} MB`;

const named = process.argv[2] ?? process.env.CARTSTREAM_DATA;
const file = runFilePath(dataFolderIn(projectPath('.'), named, process.env));
if (!existsSync(file)) {
  console.error(`memory: nothing runs here (there is no ${file}); start the platform with npm start`);
  process.exit(1);
}
const memory = memoryOf(JSON.parse(readFileSync(file, 'utf8')) as RunFile);
for (const [name, kibibytes] of memory) console.log(`${mebi(kibibytes)}  ${name}`);
console.log(`${mebi([...memory.values()].reduce((sum, one) => sum + one, 0))}  together`);
