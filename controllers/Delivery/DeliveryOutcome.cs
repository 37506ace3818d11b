namespace AiModels.Controllers.Delivery;

/// <summary>Whether a workload's models can be handed over now.</summary>
internal abstract record DeliveryOutcome
{
    private DeliveryOutcome()
    {
    }

    /// <summary>Everything is in place.</summary>
    /// <param name="Note">What else a person would like to know, for the Event; null for nothing.</param>
    public sealed record Prepared(DeliveryPlan Plan, string? Note = null) : DeliveryOutcome;

    /// <summary>The gate holds.</summary>
    /// <param name="Reason">A constant of Contracts.V1Alpha1.Reasons.</param>
    /// <param name="Message">Why, in words a person can act on.</param>
    /// <param name="IsWarning">Somebody must act; false while it is only a matter of time.</param>
    /// <param name="LookAgain">When nothing that is watched will tell of the change.</param>
    public sealed record Held(string Reason, string Message, bool IsWarning, TimeSpan? LookAgain = null) : DeliveryOutcome
    {
        /// <summary>What was delivered before is not there any more either: the gate closes over a template that has it, too.</summary>
        public bool IsLost { get; init; }
    }
}
