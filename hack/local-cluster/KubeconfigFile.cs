using System.Text;

namespace AiModels.LocalCluster;

/// <summary>Writes kubeconfigs, everything embedded.</summary>
internal static class KubeconfigFile
{
    public static void Write(string path, int port, ClusterCertificates certificates, (string CertificateFile, string KeyFile) user)
    {
        static string Data(string file) => Convert.ToBase64String(File.ReadAllBytes(file));
        string text = $"""
            apiVersion: v1
            kind: Config
            current-context: ai-models-local
            contexts:
              - name: ai-models-local
                context: {"{"} cluster: ai-models-local, user: ai-models-local, namespace: default {"}"}
            clusters:
              - name: ai-models-local
                cluster:
                  server: https://127.0.0.1:{port}
                  certificate-authority-data: {Data(certificates.AuthorityFile)}
            users:
              - name: ai-models-local
                user:
                  client-certificate-data: {Data(user.CertificateFile)}
                  client-key-data: {Data(user.KeyFile)}

            """;
        using var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        stream.Write(Encoding.UTF8.GetBytes(text));
    }
}
