namespace AiModels.ApiMachinery.Http;

/// <summary>The authorizer could not decide. Answered as upstream does: 500, plain text (contract A19).</summary>
internal sealed class AuthorizerFailedException(string message, Exception inner) : Exception(message, inner);
