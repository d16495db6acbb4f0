import { runService } from '#platform/service-host';
import { mailbox } from './mailbox.js';

await runService(mailbox);
