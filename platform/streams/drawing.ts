import type { AnyTopology } from '#platform/streams/topology';
import { windowInWords } from '#platform/streams/window';

const writtenInWords: Readonly<Record<AnyTopology['emits'], string>> = {
  once: 'once, when the window closes',
  'as it changes': 'as it changes',
  'in parts': 'when the window closes, and in parts before where there are too many',
};

/** The topology as a Mermaid flowchart, with the topic of each event type. */
export const drawTopology = (topology: AnyTopology, topicOf: (type: string) => string): string => {
  const { name, sources, keyedBy, window, emits, sink, late } = topology;
  const types = Object.keys(sources);
  const topics = [...new Set(types.map(topicOf))];
  const written = writtenInWords[emits];
  const lateSink = late?.sink.into === sink.into ? 'sink' : `late[/"${late?.sink.into}"/]`;
  return [
    'flowchart LR',
    ...topics.map((topic, nth) => {
      const read = types.filter((type) => topicOf(type) === topic).join('<br/>');
      return `  source${nth}[("${topic}<br/>${read}")] --> key`;
    }),
    `  key{{"by ${keyedBy}"}} --> window["${windowInWords(window)}"]`,
    `  window --> aggregate["${name}"]`,
    `  aggregate -->|"${written}"| sink[/"${sink.into}"/]`,
    ...(late === undefined ? [] : [`  window -.->|"late"| ${lateSink}`]),
  ].join('\n');
};

/** All topologies as a document. */
export const drawTopologies = (
  topologies: readonly AnyTopology[],
  topicOf: (type: string) => string,
): string =>
  topologies
    .flatMap((one) => [
      `## ${one.name}`,
      '',
      one.purpose,
      '',
      '```mermaid',
      drawTopology(one, topicOf),
      '```',
      '',
    ])
    .join('\n');
