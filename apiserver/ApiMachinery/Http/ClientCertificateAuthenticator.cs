using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace AiModels.ApiMachinery.Http;

/// <summary>Users by client certificate: the common name is the user, the organizations are the groups (contract A12).</summary>
public sealed class ClientCertificateAuthenticator(CertificateVerifier verifier) : IRequestAuthenticator
{
    private const string UidAttribute = "1.3.6.1.4.1.57683.2";
    private const string CredentialId = "authentication.kubernetes.io/credential-id";
    private readonly System.Runtime.CompilerServices.ConditionalWeakTable<X509Certificate2, UserInfo> _users = [];

    public ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (context.Connection.ClientCertificate is not { } certificate)
        {
            return new(AuthenticationResult.NoOpinion);
        }

        if (verifier.Refusal(certificate) is { } refusal)
        {
            return new(AuthenticationResult.Fail(refusal));
        }

        // A good certificate without a name names nobody; upstream leaves it to the next authenticator.
        UserInfo user = _users.GetValue(certificate, UserOf);
        return new(user.Name.Length == 0 ? AuthenticationResult.NoOpinion : AuthenticationResult.Success(user));
    }

    private static UserInfo UserOf(X509Certificate2 certificate)
    {
        string name = "", uid = "";
        List<string> groups = [];
        foreach (X500RelativeDistinguishedName part in certificate.SubjectName.EnumerateRelativeDistinguishedNames(reversed: false))
        {
            if (part.HasMultipleElements)
            {
                continue;
            }

            string value = part.GetSingleElementValue() ?? "";
            switch (part.GetSingleElementType().Value)
            {
                case "2.5.4.3":
                    name = value;
                    break;
                case "2.5.4.10":
                    groups.Add(value);
                    break;
                case UidAttribute:
                    uid = value;
                    break;
            }
        }

        string fingerprint = Convert.ToHexStringLower(SHA256.HashData(certificate.RawData));
        return new UserInfo
        {
            Name = name,
            Uid = uid,
            Groups = groups,
            Extra = new Dictionary<string, IReadOnlyList<string>> { [CredentialId] = ["X509SHA256=" + fingerprint] },
        };
    }
}
