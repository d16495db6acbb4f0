/**
 * What a payment provider is to us. Every call carries a key of ours and may be repeated with it: the provider
 * does a thing once and gives the same answer again. An answer is final: `declined` and `refused` stand for what will
 * never be otherwise (no such guarantee any more, an account that is closed), and their reason is the provider's own.
 * Everything that may pass is thrown; such a call has an unknown outcome, whatever the error says, and `find` answers
 * what became of it.
 */
export type PaymentProvider = {
  name: string;
  /** Asks for the guarantee of the money. Not to be charged yet. */
  authorize(request: AuthorizeRequest, signal: AbortSignal): Promise<AuthorizeAnswer>;
  /**
   * Asks for the guarantee again, for an authorisation that can no longer be captured: of the same buyer, by the same
   * means, which the provider remembers (the token was for one use).
   */
  renew(request: RenewRequest, signal: AbortSignal): Promise<AuthorizeAnswer>;
  /** Takes money that was authorised under `authorizationKey`. */
  capture(request: CaptureRequest, signal: AbortSignal): Promise<FinalAnswer>;
  /**
   * Gives back whatever is authorised under `authorizationKey`, and bars that key: an authorisation still on
   * its way is declined when it arrives. False when there was nothing to give back.
   */
  void(request: VoidRequest, signal: AbortSignal): Promise<boolean>;
  /** Gives back a part, or all, of what was captured under `captureKey`. */
  refund(request: RefundRequest, signal: AbortSignal): Promise<FinalAnswer>;
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

export type RenewRequest = Omit<AuthorizeRequest, 'token'> & { authorizationKey: string };

/** `done`, or never to be done. */
export type FinalAnswer = { outcome: 'done' } | { outcome: 'refused'; reason: string };

export type CaptureRequest = { key: string; authorizationKey: string; amountMinor: number; currency: string };

export type VoidRequest = { key: string; authorizationKey: string };

export type RefundRequest = { key: string; captureKey: string; amountMinor: number; currency: string };

/** The answer that the call got, or would have got: an authorisation's, or that of anything else. */
export type FoundCall = AuthorizeAnswer | FinalAnswer;
