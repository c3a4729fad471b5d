/** Addresses at which clouds hand out credentials to whoever asks: never dialled, whatever a rule says. */

/** Provider by address, each in its shortest form (RFC 5952). */
export const cloudMetadata: Readonly<Record<string, string>> = {
  // One link-local address serves AWS, GCP (metadata.google.internal), Azure, OCI, DigitalOcean, Hetzner, OpenStack.
  '169.254.169.254': 'instance metadata (AWS, GCP, Azure, OCI and others)',
  'fd00:ec2::254': 'AWS instance metadata',
  'fd00:ec2::23': 'AWS EKS pod identity',
  '169.254.170.2': 'AWS ECS task credentials',
  '169.254.170.23': 'AWS EKS pod identity',
  'fd20:ce::254': 'GCP instance metadata',
  // Azure's wire server lies in public space and answers only from inside.
  '168.63.129.16': 'Azure wire server',
  '100.100.100.200': 'Alibaba Cloud instance metadata',
  '192.0.0.192': 'Oracle Cloud instance metadata',
  'fd00:c1::a9fe:a9fe': 'Oracle Cloud instance metadata',
  '169.254.0.23': 'Tencent Cloud instance metadata',
  '169.254.42.42': 'Scaleway instance metadata',
  'fd00:42::42': 'Scaleway instance metadata',
  'fe80::a9fe:a9fe': 'OpenStack instance metadata',
}
