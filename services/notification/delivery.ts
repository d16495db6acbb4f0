import { aboutOf, type ChannelName, channelsOf, type Subject, type Template } from './notification.js';

export type PushDevice = { deviceId: string; endpoint: string; p256dh: string; auth: string };

/** How a recipient is reached. */
export type Contact = {
  email: string | null;
  name: string;
  phone: string | null;
  devices: readonly PushDevice[];
};

export type Preferences = Readonly<Record<ChannelName | Subject, boolean>>;

/** Who has said nothing gets everything. */
export const everything: Preferences = {
  email: true,
  sms: true,
  push: true,
  orders: true,
  stock: true,
  messages: true,
};

/** What is left to those who have switched something off. */
export const preferencesBut = (off: readonly (keyof Preferences)[]): Preferences => ({
  ...everything,
  ...Object.fromEntries(off.filter((name) => name in everything).map((name) => [name, false])),
});

/** One place to send a message to. `key` is the same at every attempt, and names no address. */
export type Target =
  | { channel: 'email'; key: 'email'; email: string; name: string }
  | { channel: 'sms'; key: 'sms'; phone: string }
  | { channel: 'push'; key: string; device: PushDevice };

/** What has become of a target, or of a channel that could have none. */
export type Result = {
  channel: ChannelName;
  /** The target's key. */
  target: string;
  status: 'sent' | 'failed' | 'skipped';
  /** A code, where it was not sent. */
  reason?: string;
  /** Epoch milliseconds. */
  atMs: number;
};

export type Addressed = {
  template: Template;
  /** The channels that the sender has chosen, or null for all that the template may use. */
  channels: readonly ChannelName[] | null;
};

/** The places to send a message to, and the channels that it is not sent by, with the reason. */
export const targetsOf = (
  { template, channels }: Addressed,
  contact: Contact,
  preferences: Preferences,
): { targets: Target[]; skipped: { channel: ChannelName; reason: string }[] } => {
  const about = aboutOf(template);
  const targets: Target[] = [];
  const skipped: { channel: ChannelName; reason: string }[] = [];
  for (const channel of channelsOf(template)) {
    if (channels !== null && !channels.includes(channel)) continue;
    const isWanted = about === 'account' || (preferences[channel] && preferences[about]);
    const found = isWanted ? placesOf(channel, contact) : [];
    if (found.length > 0) targets.push(...found);
    else skipped.push({ channel, reason: isWanted ? 'no_address' : 'not_wanted' });
  }
  return { targets, skipped };
};

const placesOf = (channel: ChannelName, { email, name, phone, devices }: Contact): Target[] => {
  switch (channel) {
    case 'email':
      return email === null ? [] : [{ channel, key: 'email', email, name }];
    case 'sms':
      return phone === null ? [] : [{ channel, key: 'sms', phone }];
    case 'push':
      return devices.map((device) => ({ channel, key: device.deviceId, device }));
    default:
      return channel satisfies never;
  }
};

export type Status = 'sent' | 'failed' | 'skipped';

/** What a notification came to when nothing of it is open any more: one place that was reached counts. */
export const statusOf = (results: readonly Result[]): Status => {
  if (results.some(({ status }) => status === 'sent')) return 'sent';
  return results.some(({ status }) => status === 'failed') ? 'failed' : 'skipped';
};
