using System.Globalization;
using System.Text;

namespace AiModels.Hosting.Grpc;

/// <summary>
/// Names and small encodings of gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
/// </summary>
internal static class GrpcProtocol
{
    public const string ContentType = "application/grpc";
    public const string Status = "grpc-status";
    public const string Message = "grpc-message";
    public const string Timeout = "grpc-timeout";
    public const string Encoding = "grpc-encoding";
    public const string AcceptEncoding = "grpc-accept-encoding";
    public const string Identity = "identity";

    /// <summary>One byte "compressed", four bytes length.</summary>
    public const int FrameHeaderSize = 5;

    /// <summary>What grpc-go and grpc-java accept by default, so peers size their messages for it.</summary>
    public const int DefaultMaxMessageSize = 4 * 1024 * 1024;

    /// <summary>application/grpc, application/grpc+proto; not application/grpc-web and not +json.</summary>
    public static bool IsGrpcContentType(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        ReadOnlySpan<char> rest = contentType.AsSpan(ContentType.Length);
        return rest.Length == 0 || rest[0] == ';' || rest.StartsWith("+proto", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Reads grpc-timeout: at most eight digits and a unit H, M, S, m, u or n.</summary>
    public static bool TryParseTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long value))
        {
            return false;
        }

        long? ticks = text[^1] switch
        {
            'H' => value * TimeSpan.TicksPerHour,
            'M' => value * TimeSpan.TicksPerMinute,
            'S' => value * TimeSpan.TicksPerSecond,
            'm' => value * TimeSpan.TicksPerMillisecond,
            'u' => value * TimeSpan.TicksPerMicrosecond,
            'n' => value / 100,
            _ => null,
        };
        timeout = TimeSpan.FromTicks(ticks ?? 0);
        return ticks is not null;
    }

    /// <summary>Writes grpc-timeout in the finest unit whose number has at most eight digits.</summary>
    public static string FormatTimeout(TimeSpan timeout)
    {
        const long Largest = 99_999_999;
        long microseconds = Math.Max(0, timeout.Ticks / TimeSpan.TicksPerMicrosecond);
        (long value, char unit) = microseconds switch
        {
            <= Largest => (microseconds, 'u'),
            <= Largest * 1000 => (microseconds / 1000, 'm'),
            <= Largest * 1_000_000 => (microseconds / 1_000_000, 'S'),
            _ => (Math.Min(Largest, (long)timeout.TotalHours), 'H'),
        };
        return value.ToString(CultureInfo.InvariantCulture) + unit;
    }

    /// <summary>Percent-encodes a status message: header values hold printable ASCII only.</summary>
    public static string EncodeMessage(string message)
    {
        var encoded = new StringBuilder(message.Length);
        foreach (byte b in System.Text.Encoding.UTF8.GetBytes(message))
        {
            if (b is >= 0x20 and <= 0x7E and not (byte)'%')
            {
                encoded.Append((char)b);
            }
            else
            {
                encoded.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
            }
        }

        return encoded.ToString();
    }

    /// <summary>Decodes a status message; what is not a percent escape stays as it is, as the specification asks.</summary>
    public static string DecodeMessage(string encoded)
    {
        var bytes = new List<byte>(encoded.Length);
        for (int i = 0; i < encoded.Length; i++)
        {
            if (encoded[i] == '%' && i + 2 < encoded.Length && byte.TryParse(encoded.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                bytes.Add(b);
                i += 2;
            }
            else
            {
                bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(encoded, i, 1));
            }
        }

        return System.Text.Encoding.UTF8.GetString(bytes.ToArray());
    }

    /// <summary>What an HTTP status without a grpc-status means: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md</summary>
    public static RpcCode FromHttpStatus(int status) => status switch
    {
        400 => RpcCode.Internal,
        401 => RpcCode.Unauthenticated,
        403 => RpcCode.PermissionDenied,
        404 => RpcCode.Unimplemented,
        429 or 502 or 503 or 504 => RpcCode.Unavailable,
        _ => RpcCode.Unknown,
    };
}
