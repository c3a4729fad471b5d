/** The keys that providers hand out, by the form that each has; the forms are facts, the table is ours. */
import { alphabets as of } from './alphabet.ts'
import { type Part, run, type Shape, text } from './shape.ts'

function key(provider: string, starts: string, ...parts: readonly Part[]): Shape {
  return { provider, starts: starts.split(' '), before: null, parts, openParts: 0 }
}

/** A value behind its name: the name stays, the value is the key. */
function named(provider: string, starts: string, ...parts: readonly Part[]): Shape {
  const shape = key(provider, starts, run(of.glue, 1, 8), ...parts)
  return { ...shape, openParts: 2 }
}

/** A key that is known by what stands inside it. */
function around(before: NonNullable<Shape['before']>, shape: Shape): Shape {
  return { ...shape, before }
}

const gitlab = 'glpat- gldt- glrt- glptt- glft- glsoat- glcbt- glagent- gloas- glimt- glffct-'

/**
 * source  the rules of gitleaks (MIT) and the detectors of trufflehog, read in November 2025; where they differ, the
 *         wider length. A key longer than its maximum is no key: it would be something else that begins alike.
 */
export const providerKeys: readonly Shape[] = [
  // Clouds and hosting.
  key('aws', 'AKIA ASIA ABIA ACCA', run(of.base32, 16)),
  named(
    'aws',
    'aws_secret_access_key AWS_SECRET_ACCESS_KEY SecretAccessKey secretAccessKey aws_secret_key',
    run(of.base64, 40),
  ),
  key('aws-bedrock', 'ABSK', run(of.base64, 109, 269)),
  named(
    'azure-storage',
    'AccountKey accountKey account_key ACCOUNT_KEY',
    run(of.base64, 86),
    text('=='),
  ),
  around(
    { alphabet: of.unreserved, min: 4, max: 4 },
    key('azure-entra', 'Q~', run(of.unreserved, 31, 34)),
  ),
  key('google', 'AIza', run(of.token, 35)),
  key('google-oauth', 'GOCSPX-', run(of.token, 28)),
  key('google-oauth', 'ya29.', run(of.dotted, 20, 400)),
  key('digitalocean', 'dop_v1_ doo_v1_ dor_v1_', run(of.hexLower, 64)),
  key('alibaba', 'LTAI', run(of.alnum, 20)),
  key('cloudflare-origin', 'v1.0-', run(of.hexLower, 24), text('-'), run(of.hexLower, 146)),
  key('fly', 'fo1_', run(of.token, 43)),
  key('fly', 'fm1r_ fm1a_ fm2_', run(of.base64Any, 100, 800)),
  key('heroku', 'HRKU-AA', run(of.token, 58)),
  key('tailscale', 'tskey-', run(of.lower, 3, 12), text('-'), run(of.token, 15, 100)),
  key('supabase', 'sbp_', run(of.lowerAlnum, 40)),
  key('planetscale', 'pscale_tkn_ pscale_oauth_ pscale_pw_', run(of.dotted, 32, 64)),
  around(
    { alphabet: of.alnum, min: 14, max: 14 },
    key('terraform', '.atlasv1.', run(of.padded, 60, 70)),
  ),
  key('pulumi', 'pul-', run(of.hexLower, 40)),
  key('vault', 'hvs.', run(of.token, 24, 200)),
  key('vault', 'hvb.', run(of.token, 138, 300)),
  key('doppler', 'dp.pt. dp.ct. dp.sa. dp.scim. dp.audit.', run(of.alnum, 40, 44)),
  key('doppler', 'dp.st.', run(of.dotted, 40, 80)),
  key('databricks', 'dapi', run(of.hexLower, 32)),
  key('1password', 'ops_eyJ', run(of.base64Any, 250, 1_200)),
  key('age', 'AGE-SECRET-KEY-1', run(of.upperAlnum, 58)),
  // Code and packages.
  key('github', 'ghp_ gho_ ghu_ ghs_ ghr_', run(of.alnum, 36, 255)),
  key('github', 'github_pat_', run(of.word, 82, 255)),
  key('gitlab', gitlab, run(of.dotted, 20, 320)),
  key('gitlab', 'GR1348941', run(of.token, 20)),
  key('npm', 'npm_', run(of.alnum, 36)),
  key('pypi', 'pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZ', run(of.token, 50, 1_000)),
  key('rubygems', 'rubygems_', run(of.hexLower, 48)),
  key('docker', 'dckr_pat_ dckr_oat_', run(of.token, 27, 32)),
  key('artifactory', 'AKCp', run(of.alnum, 69)),
  key('artifactory', 'cmVmd', run(of.alnum, 59)),
  key('buildkite', 'bkua_', run(of.lowerAlnum, 40)),
  key('sentry', 'sntryu_', run(of.hexLower, 64)),
  key('sentry', 'sntrys_eyJ', run(of.base64Any, 60, 500)),
  key('postman', 'PMAK-', run(of.hexLower, 24), text('-'), run(of.hexLower, 34)),
  key('atlassian', 'ATATT3xFfG ATCTT3xFfG', run(of.base64Any, 60, 300)),
  key('linear', 'lin_api_ lin_oauth_', run(of.alnum, 40, 64)),
  key('notion', 'ntn_', run(of.digit, 11), run(of.alnum, 35)),
  key('notion', 'secret_', run(of.alnum, 43)),
  key('airtable', 'pat', run(of.alnum, 14), text('.'), run(of.hexLower, 64)),
  key('grafana', 'glsa_', run(of.alnum, 32), text('_'), run(of.hex, 8)),
  key('grafana', 'glc_eyJ', run(of.base64Any, 30, 400)),
  key('new-relic', 'NRAK-', run(of.upperAlnum, 27)),
  key('dynatrace', 'dt0c01.', run(of.upperAlnum, 24), text('.'), run(of.upperAlnum, 64)),
  // Models.
  key('openai', 'sk-proj- sk-svcacct- sk-admin- sk-service-', run(of.token, 40, 200)),
  key('openai', 'sk-', run(of.alnum, 20), text('T3BlbkFJ'), run(of.alnum, 20)),
  key('sk', 'sk-', run(of.lowerAlnum, 32)),
  key('openrouter', 'sk-or-v1-', run(of.hexLower, 64)),
  key('anthropic', 'sk-ant-', run(of.token, 60, 200)),
  key('huggingface', 'hf_ api_org_', run(of.alnum, 34)),
  key('groq', 'gsk_', run(of.alnum, 52)),
  key('xai', 'xai-', run(of.word, 80)),
  key('replicate', 'r8_', run(of.token, 37)),
  key('perplexity', 'pplx-', run(of.alnum, 48)),
  key('nvidia', 'nvapi-', run(of.token, 64)),
  key('pinecone', 'pcsk_', run(of.alnum, 5, 6), text('_'), run(of.alnum, 63)),
  key('langsmith', 'lsv2_pt_ lsv2_sk_', run(of.hexLower, 32), text('_'), run(of.hexLower, 10)),
  // Messages.
  key('slack', 'xoxb- xoxp- xoxa- xoxr- xoxo- xoxs- xoxe- xoxc- xoxd-', run(of.cookie, 20, 300)),
  key('slack', 'xoxe.xoxb- xoxe.xoxp-', run(of.token, 60, 300)),
  key('slack', 'xapp-', run(of.digit, 1), text('-'), run(of.token, 40, 200)),
  key(
    'slack-webhook',
    'hooks.slack.com/services/ hooks.slack.com/workflows/',
    run(of.base64, 40, 80),
  ),
  around({ alphabet: of.digit, min: 8, max: 10 }, key('telegram', ':AA', run(of.token, 33))),
  {
    ...key(
      'discord',
      '',
      run(of.token, 23, 28),
      text('.'),
      run(of.token, 6),
      text('.'),
      run(of.token, 27, 40),
    ),
    starts: ['Bot '],
    openParts: 1,
  },
  key(
    'discord-webhook',
    'discord.com/api/webhooks/',
    run(of.digit, 17, 20),
    text('/'),
    run(of.token, 60, 80),
  ),
  key('twilio', 'SK', run(of.hexLower, 32)),
  key('sendgrid', 'SG.', run(of.token, 20, 24), text('.'), run(of.token, 39, 50)),
  key('mailgun', 'key-', run(of.lowerAlnum, 32)),
  around({ alphabet: of.hexLower, min: 32, max: 32 }, key('mailchimp', '-us', run(of.digit, 1, 2))),
  key('brevo', 'xkeysib-', run(of.hexLower, 64), text('-'), run(of.alnum, 16)),
  // Money and shops.
  key(
    'stripe',
    'sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_ whsec_',
    run(of.alnum, 16, 247),
  ),
  key('square', 'sq0atp- sq0csp-', run(of.token, 22, 60)),
  key('square', 'EAAA', run(of.token, 60)),
  key('shopify', 'shpat_ shpca_ shppa_ shpss_', run(of.hex, 32)),
  key('easypost', 'EZAK EZTK', run(of.alnum, 54)),
  key('hubspot', 'pat-na1- pat-eu1-', run(of.token, 36)),
]
