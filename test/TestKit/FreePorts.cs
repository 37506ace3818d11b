using System.Net;
using System.Net.Sockets;

namespace AiModels.TestKit;

/// <summary>Ports that nothing listens on. Below the range the system hands out by itself, so that no outgoing connection takes one meanwhile.</summary>
public static class FreePorts
{
    private const int First = 20_000, Last = 30_000;

    /// <summary>The first of <paramref name="count"/> free ports in a row.</summary>
    public static int Block(int count)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            int start = Random.Shared.Next(First, Last - count);
            if (Enumerable.Range(start, count).All(IsFree)) return start;
        }

        throw new IOException($"no {count} free ports in a row between {First} and {Last}");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
