import { setting, settingGroup } from '#platform/config';

const kafkaClients = ['kafkajs', 'rdkafka'] as const;
const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** How a process reaches Kafka: the client, the addresses and the login. */
export type KafkaSettings = {
  client: (typeof kafkaClients)[number];
  /** `host:port` of some of the cluster's brokers, an IPv6 address in brackets. */
  brokers: readonly string[];
  /** Absent where the brokers require no login. */
  sasl?: KafkaSasl;
  /** Absent where connections are not encrypted. */
  tls?: KafkaTls;
};

export type KafkaSasl = {
  mechanism: (typeof saslMechanisms)[number];
  username: string;
  password: string;
};

/** Paths of PEM files. */
export type KafkaTls = {
  /** The authority that signed the brokers' certificates; the system's authorities if unset. */
  caFile?: string;
  /** This process's own certificate, where the brokers require one; needs `keyFile` too. */
  certFile?: string;
  keyFile?: string;
  keyPassword?: string;
};

/** Reports one line for each variable that contradicts the others, without its value, which may be a password. */
export const kafkaSettings = settingGroup(
  {
    client: ['KAFKA_CLIENT', setting.oneOf(...kafkaClients).default('kafkajs')],
    brokers: ['KAFKA_BROKERS', setting.addresses],
    mechanism: ['KAFKA_SASL_MECHANISM', setting.oneOf(...saslMechanisms).optional()],
    username: ['KAFKA_SASL_USERNAME', setting.text.optional()],
    password: ['KAFKA_SASL_PASSWORD', setting.text.optional()],
    isEncrypted: ['KAFKA_TLS', setting.flag.default(false)],
    caFile: ['KAFKA_TLS_CA_FILE', setting.file.optional()],
    certFile: ['KAFKA_TLS_CERT_FILE', setting.file.optional()],
    keyFile: ['KAFKA_TLS_KEY_FILE', setting.file.optional()],
    keyPassword: ['KAFKA_TLS_KEY_PASSWORD', setting.text.optional()],
  },
  (values, refuse): KafkaSettings => {
    const { client, brokers, mechanism, username, password } = values;
    const { isEncrypted, caFile, certFile, keyFile, keyPassword } = values;
    for (const key of ['username', 'password'] as const)
      if (mechanism === undefined && values[key] !== undefined) refuse(key, 'needs KAFKA_SASL_MECHANISM');
      else if (mechanism !== undefined && values[key] === undefined)
        refuse(key, 'is required with KAFKA_SASL_MECHANISM');
    for (const key of ['caFile', 'certFile', 'keyFile', 'keyPassword'] as const)
      if (!isEncrypted && values[key] !== undefined) refuse(key, 'needs KAFKA_TLS=true');
    if (certFile === undefined && keyFile !== undefined) refuse('keyFile', 'needs KAFKA_TLS_CERT_FILE');
    if (keyFile === undefined && certFile !== undefined) refuse('certFile', 'needs KAFKA_TLS_KEY_FILE');
    if (keyFile === undefined && keyPassword !== undefined) refuse('keyPassword', 'needs KAFKA_TLS_KEY_FILE');
    const isNamed = mechanism !== undefined && username !== undefined && password !== undefined;
    return {
      client,
      brokers,
      ...(isNamed ? { sasl: { mechanism, username, password } } : {}),
      ...(isEncrypted ? { tls: given({ caFile, certFile, keyFile, keyPassword }) } : {}),
    };
  },
);

/** The environment variables that `kafkaSettings` reads as these settings, for starting another process with them. */
export const kafkaEnv = ({ client, brokers, sasl, tls }: KafkaSettings): Record<string, string> =>
  given({
    KAFKA_CLIENT: client,
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_SASL_MECHANISM: sasl?.mechanism,
    KAFKA_SASL_USERNAME: sasl?.username,
    KAFKA_SASL_PASSWORD: sasl?.password,
    KAFKA_TLS: tls === undefined ? undefined : 'true',
    KAFKA_TLS_CA_FILE: tls?.caFile,
    KAFKA_TLS_CERT_FILE: tls?.certFile,
    KAFKA_TLS_KEY_FILE: tls?.keyFile,
    KAFKA_TLS_KEY_PASSWORD: tls?.keyPassword,
  });

const given = (values: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
