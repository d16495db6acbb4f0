import { envSchema, setting, settingGroup } from '#platform/config';
import { serviceSettings } from '#platform/service';

const isSmtpUrl = (text: string): boolean => URL.canParse(text) && /^smtps?:$/.test(new URL(text).protocol);

/** Twilio's account, or none. */
const smsAccount = settingGroup(
  {
    baseUrl: ['TWILIO_BASE_URL', setting.url.default('https://api.twilio.com')],
    accountSid: ['TWILIO_ACCOUNT_SID', setting.text.optional()],
    authToken: ['TWILIO_AUTH_TOKEN', setting.text.optional()],
    from: ['TWILIO_FROM', setting.text.optional()],
  },
  ({ baseUrl, accountSid, authToken, from }, refuse) => {
    if (accountSid === undefined) return undefined;
    if (authToken === undefined) refuse('authToken', 'is required with TWILIO_ACCOUNT_SID');
    if (from === undefined) refuse('from', 'is required with TWILIO_ACCOUNT_SID');
    return { baseUrl: baseUrl.replace(/\/+$/, ''), accountSid, authToken: authToken ?? '', from: from ?? '' };
  },
);

/** The key pair that signs push messages; without one the service makes its own. */
const pushKeys = settingGroup(
  {
    publicKey: ['VAPID_PUBLIC_KEY', setting.text.optional()],
    privateKey: ['VAPID_PRIVATE_KEY', setting.text.optional()],
  },
  ({ publicKey, privateKey }, refuse) => {
    if (publicKey === undefined && privateKey === undefined) return undefined;
    if (publicKey === undefined) refuse('publicKey', 'is required with VAPID_PRIVATE_KEY');
    if (privateKey === undefined) refuse('privateKey', 'is required with VAPID_PUBLIC_KEY');
    return { publicKey: publicKey ?? '', privateKey: privateKey ?? '' };
  },
);

export const notificationConfig = envSchema({
  ...serviceSettings('notification', { databasePoolMax: 4 }),
  /** `smtp://user:password@host:port`, or `smtps:`. Without it no mail is sent. */
  smtpUrl: ['SMTP_URL', setting.text.refine(isSmtpUrl, 'must be an smtp(s) URL').optional()],
  mailFrom: ['MAIL_FROM', setting.text.default('Cartstream <shop@cartstream.example>')],
  sms: smsAccount,
  pushKeys,
  /** How the owners of push services reach the shop's operator. */
  pushSubject: ['VAPID_SUBJECT', setting.text.default('mailto:shop@cartstream.example')],
  /** The shop's address for links in messages; without it they have none. */
  shopUrl: ['SHOP_URL', setting.url.transform((url) => url.replace(/\/+$/, '')).optional()],
  /** Each takes some milliseconds of a core, and providers accept so many. */
  perSecondMax: ['NOTIFICATION_PER_SECOND_MAX', setting.integer(4, 10_000).default(20)],
  /** How long a message to an account that is not known here waits for the event of its registration. */
  contactWaitMs: ['NOTIFICATION_CONTACT_WAIT_MS', setting.integer(0, 10_000).default(3000)],
  /** How long a guest's contact is kept after the order. */
  guestContactKeptMs: [
    'NOTIFICATION_GUEST_CONTACT_KEPT_MS',
    setting.integer(86_400_000, 315_360_000_000).default(15_552_000_000),
  ],
});

export type NotificationConfig = Readonly<ReturnType<typeof notificationConfig.parse>>;
