import { variableOf } from '#platform/config';
import { folderOf, type Part, table } from '../services/table.js';

/** The sections of files for containers that follow from `services/table.ts`, by file and name. */
export const containerSections = (
  parts: readonly Part[] = table,
): Record<string, Record<string, readonly string[]>> => ({
  'docker-compose.yml': {
    addresses: parts.map(({ name }) => `  ${variableOf(name, 'URL')}: http://${name}:8080`),
    containers: parts.flatMap(containerOf),
  },
  'dashboards/prometheus.yml': { targets: parts.map(({ name }) => `          - ${name}`) },
});

const containerOf = (part: Part): string[] => {
  const isJob = part.kind === 'job';
  const heap = isJob ? ', NODE_OPTIONS: --max-old-space-size=256' : '';
  return [
    `  ${part.name}:`,
    '    <<: *node',
    `    command: [node, dist/${folderOf(part)}/main.js]`,
    ...(isJob ? ['    mem_limit: 768m'] : []),
    `    environment: { <<: *environment, ${variableOf(part.name, 'PORT')}: "8080"${heap} }`,
    ...(part.kind === 'gateway' ? ['    ports: ["127.0.0.1:8000:8080"]'] : []),
    '    depends_on: *provisioned',
  ];
};

/** The file's text with each section replaced; a section stands between two comments that name it. */
export const withSections = (text: string, sections: Record<string, readonly string[]>): string =>
  Object.entries(sections).reduce((before, [name, lines]) => {
    const section = new RegExp(`(# generated: ${name}\\b.*\n)[^]*?( *# end of ${name}\n)`);
    if (!section.test(before)) throw new Error(`no section "${name}" between its two comments`);
    return before.replace(section, (_, begin: string, end: string) => `${begin}${lines.join('\n')}\n${end}`);
  }, text);
