/**
 * What a payment provider is to us. Every call carries a key of ours and may be repeated with it: the provider
 * does a thing once and gives the same answer again. A call that throws has an unknown outcome, whatever the
 * error says; `find` tells what became of it.
 */
export type PaymentProvider = {
  name: string;
  /** Asks for the guarantee of the money. Not to be charged yet. */
  authorize(request: AuthorizeRequest, signal: AbortSignal): Promise<AuthorizeAnswer>;
  /** Takes money that was authorised under `authorizationKey`. */
  capture(request: CaptureRequest, signal: AbortSignal): Promise<void>;
  /**
   * Gives back whatever is authorised under `authorizationKey`, and bars that key: an authorisation still on
   * its way is declined when it arrives. False when there was nothing to give back.
   */
  void(request: VoidRequest, signal: AbortSignal): Promise<boolean>;
  /** Gives back a part, or all, of what was captured under `captureKey`. */
  refund(request: RefundRequest, signal: AbortSignal): Promise<void>;
  /** What became of the call with this key, or null if the provider never got it. */
  find(key: string, signal: AbortSignal): Promise<FoundCall | null>;
};

export type AuthorizeRequest = {
  key: string;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
};

export type AuthorizeAnswer = { outcome: 'authorized' } | { outcome: 'declined'; reason: string };

export type CaptureRequest = { key: string; authorizationKey: string; amountMinor: number; currency: string };

export type VoidRequest = { key: string; authorizationKey: string };

export type RefundRequest = { key: string; captureKey: string; amountMinor: number; currency: string };

/** `done` for a capture, a void or a refund the provider has carried out. */
export type FoundCall = AuthorizeAnswer | { outcome: 'done' };
