import { variableOf } from '#platform/config';
import { folderOf, memoryMiBOf, type Part, table } from '../services/table.js';
import { flinkJobs, flinkSinks } from './flink/jobs.js';

/** The sections of files for containers that follow from `services/table.ts`, by file and name. */
export const containerSections = (
  parts: readonly Part[] = table,
): Record<string, Record<string, readonly string[]>> => ({
  'docker-compose.yml': {
    addresses: parts.map(({ name }) => `  ${variableOf(name, 'URL')}: http://${name}:8080`),
    containers: parts.flatMap(containerOf),
    'flink jobs': flinkContainers(),
  },
  'dashboards/prometheus.yml': { targets: parts.map(({ name }) => `          - ${name}`) },
});

const containerOf = (part: Part): string[] => {
  const { heapMax, otherMax } = memoryMiBOf(part);
  const hasOwnLimits = part.kind === 'job' || part.memoryMiB !== undefined;
  const heap = hasOwnLimits ? `, NODE_OPTIONS: --max-old-space-size=${heapMax}` : '';
  return [
    `  ${part.name}:`,
    '    <<: *node',
    `    command: [node, dist/${folderOf(part)}/main.js]`,
    ...(hasOwnLimits ? [`    mem_limit: ${heapMax + otherMax}m`] : []),
    `    environment: { <<: *environment, ${variableOf(part.name, 'PORT')}: "8080"${heap} }`,
    ...(part.kind === 'gateway' ? ['    ports: ["127.0.0.1:8000:8080"]'] : []),
    '    depends_on: *provisioned',
  ];
};

/** What submits the jobs to Flink, after the topics of their rows are there. */
const flinkContainers = (): string[] => {
  const topics = flinkSinks().map((sink) => `flink-${sink}`);
  const create =
    '/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists --partitions 3';
  return [
    '  flink-topics:',
    '    image: apache/kafka:4.1.0',
    '    profiles: [flink]',
    '    restart: on-failure:5',
    '    mem_limit: 512m',
    '    command:',
    '      [',
    '        bash,',
    '        -ec,',
    `        "for topic in ${topics.join(' ')}; do ${create} --topic $$topic; done",`,
    '      ]',
    '    depends_on: { kafka: { condition: service_healthy } }',
    '  flink-jobs:',
    '    <<: *flink',
    '    restart: on-failure:5',
    `    command: [bash, /jobs/submit.sh, ${flinkJobs.join(', ')}]`,
    '    mem_limit: 768m',
    '    volumes: ["./stream-jobs/flink:/jobs:ro"]',
    '    depends_on:',
    '      provision: { condition: service_completed_successfully }',
    '      flink-topics: { condition: service_completed_successfully }',
    '      flink-taskmanager: { condition: service_healthy }',
  ];
};

/** The file's text with each section replaced; a section stands between two comments that name it. */
export const withSections = (text: string, sections: Record<string, readonly string[]>): string =>
  Object.entries(sections).reduce((before, [name, lines]) => {
    const section = new RegExp(`(# generated: ${name}\\b.*\n)[^]*?( *# end of ${name}\n)`);
    if (!section.test(before)) throw new Error(`no section "${name}" between its two comments`);
    return before.replace(section, (_, begin: string, end: string) => `${begin}${lines.join('\n')}\n${end}`);
  }, text);
