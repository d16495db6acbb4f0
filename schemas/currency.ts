/**
 * The currencies of ISO 4217 by the number of decimals of their minor unit. The source is list one of 2024-06-25 with
 * the amendments up to 2026: ZWG and XCG are included, ZWL, ANG, CUC and BGN are not. Codes without a minor unit (gold,
 * special drawing rights, the codes for testing and for no currency) are left out, because they cannot be the currency
 * of a price.
 */
const codesByDecimals = {
  0: `
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`,
  2: `
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
    CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER
    ZAR ZMW ZWG`,
  3: `
    BHD IQD JOD KWD LYD OMR TND`,
  4: `
    CLF UYW`,
};

const decimals = new Map<string, number>(
  Object.entries(codesByDecimals).flatMap(([digits, codes]) =>
    codes
      .trim()
      .split(/\s+/)
      .map((code) => [code, Number(digits)] as const),
  ),
);

/** In alphabetical order. */
export const currencies: readonly string[] = [...decimals.keys()].sort();

/** Decimals of a currency: 2 for EUR, whose minor unit is a hundredth; 0 for JPY, whose minor unit is the yen. */
export const decimalsOf = (currency: string): number => {
  const found = decimals.get(currency);
  if (found === undefined) throw new RangeError(`${currency} is no currency of ISO 4217`);
  return found;
};
