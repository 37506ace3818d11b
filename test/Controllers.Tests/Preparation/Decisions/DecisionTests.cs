using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation;
using AiModels.Controllers.Preparation.Decisions;
using AiModels.Controllers.Preparation.Pipeline;
using AiModels.ModelPack.Client;

namespace AiModels.Controllers.Tests.Preparation.Decisions;

[TestClass]
public sealed class DecisionTests
{
    private static readonly PreparationState Running = new PreparationState.Running(Reasons.PublicationUploading, "at work", 0.5);
    private static readonly PreparationState Retrying = new PreparationState.Retrying("The registry is down.", 0.5);
    private static readonly PreparationState Failed = new PreparationState.Failed(Reasons.InsufficientStorage, "No room.");
    private static readonly PreparationState Succeeded = new PreparationState.Succeeded(Facts.Result);

    private static IEnumerable<(string Name, ModelFacts Facts, string Phase, NextStep Step)> Table =>
    [
        ("new upload", Facts.Of(), Phases.WaitForUpload, NextStep.OfferUpload),
        ("new upload without finalizer", Facts.Of(hasFinalizer: false), Phases.WaitForUpload, NextStep.AddFinalizer),
        ("session open", Facts.Of(Phases.WaitForUpload, session: UploadStates.Waiting), Phases.WaitForUpload, NextStep.OfferUpload),
        ("bytes arriving", Facts.Of(Phases.WaitForUpload, session: UploadStates.Receiving), Phases.WaitForUpload, NextStep.OfferUpload),
        ("session expired", Facts.Of(Phases.WaitForUpload, session: UploadStates.Expired), Phases.WaitForUpload, NextStep.None),
        ("session aborted", Facts.Of(Phases.WaitForUpload, session: UploadStates.Aborted), Phases.WaitForUpload, NextStep.None),
        ("all received", Facts.Of(Phases.WaitForUpload, session: UploadStates.Received), Phases.Publishing, NextStep.StartPreparation),
        ("at work", Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Running), Phases.Publishing, NextStep.None),
        ("interrupted", Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Retrying), Phases.Publishing, NextStep.None),
        ("restarted", Facts.Of(Phases.Publishing, session: UploadStates.Received), Phases.Publishing, NextStep.StartPreparation),
        ("done", Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Succeeded), Phases.Ready, NextStep.None),
        ("failed", Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Failed), Phases.Failed, NextStep.None),
        ("ready stays ready", Facts.Of(Phases.Ready, work: Failed), Phases.Ready, NextStep.TidyUp),
        ("failed stays failed", Facts.Of(Phases.Failed, work: Succeeded), Phases.Failed, NextStep.TidyUp),
        ("new url", Facts.Of(isUpload: false), Phases.Pending, NextStep.StartPreparation),
        ("url queued", Facts.Of(Phases.Pending, isUpload: false, work: new PreparationState.Queued()), Phases.Pending, NextStep.None),
        ("url at work", Facts.Of(Phases.Pending, isUpload: false, work: Running), Phases.Publishing, NextStep.None),
        ("url restarted", Facts.Of(Phases.Publishing, isUpload: false), Phases.Publishing, NextStep.StartPreparation),
        ("deleted while ready", Facts.Of(Phases.Ready, isDeleted: true), Phases.Deleting, NextStep.CleanUp),
        ("deleted while at work", Facts.Of(Phases.Publishing, work: Running, isDeleted: true), Phases.Deleting, NextStep.CleanUp),
        ("deleted, let go already", Facts.Of(Phases.Deleting, isDeleted: true, hasFinalizer: false), Phases.Deleting, NextStep.None),
    ];

    [TestMethod]
    public void LostContent_OfAReadyModel_IsRepairedWhenDueAndToldInItsOwnCondition()
    {
        ModelFacts ready = Facts.Of(Phases.Ready, isUpload: false);
        ModelFacts lost = ready with { Lost = [new LostContent("sha256:x", 7, Facts.Now)], IsRepairDue = true };
        Assert.AreEqual(NextStep.Repair, NextStepDecision.Decide(lost));
        Assert.AreEqual(NextStep.TidyUp, NextStepDecision.Decide(lost with { IsRepairDue = false }));

        ModelStatus told = StatusDecision.Decide(lost);
        Assert.AreEqual(Phases.Ready, told.Phase);
        Condition intact = told.Conditions!.Single(condition => condition.Type == ConditionTypes.Intact);
        Assert.AreEqual((ConditionStatus.False, Reasons.ContentLost), (intact.Status, intact.Reason));
        StringAssert.Contains(intact.Message, "https://huggingface.co/a/b");

        ModelFacts healed = lost with { Lost = [], Model = lost.Model with { Status = told } };
        intact = StatusDecision.Decide(healed).Conditions!.Single(condition => condition.Type == ConditionTypes.Intact);
        Assert.AreEqual((ConditionStatus.True, Reasons.ContentRestored), (intact.Status, intact.Reason));
        Assert.IsFalse(StatusDecision.Decide(ready with { Lost = [] }).Conditions!.Any(condition => condition.Type == ConditionTypes.Intact));
    }

    [TestMethod]
    public void PhaseAndStep_OfEverySituation_AreAsTheTableSays()
    {
        foreach ((string name, ModelFacts facts, string phase, NextStep step) in Table)
        {
            Assert.AreEqual(phase, PhaseDecision.Decide(facts), name);
            Assert.AreEqual(step, NextStepDecision.Decide(facts), name);
        }
    }

    [TestMethod]
    public void Status_OfEverySituation_IsStableWhenDecidedAgain()
    {
        foreach ((string name, ModelFacts facts, _, _) in Table)
        {
            ModelStatus once = StatusDecision.Decide(facts);
            ModelFacts later = facts with { Model = facts.Model with { Status = once }, Now = facts.Now.AddHours(1) };
            ModelStatus twice = StatusDecision.Decide(later);
            CollectionAssert.AreEqual(once.Conditions!.Select(c => c.LastTransitionTime).ToArray(), twice.Conditions!.Select(c => c.LastTransitionTime).ToArray(), name);
            Assert.AreEqual(once.Phase, twice.Phase, name);
            Assert.AreEqual(once.Progress, twice.Progress, name);
            Assert.AreEqual(3, once.ObservedGeneration, name);
            Assert.IsTrue(once.Conditions!.All(c => c.Message.Length > 0 && c.Reason.Length > 0), name);
        }
    }

    [TestMethod]
    public void Progress_FromFirstByteToReady_OnlyGrowsAndIsBelowHundredUntilReady()
    {
        (ModelFacts Facts, string Expected)[] journey =
        [
            (Facts.Of(session: UploadStates.Waiting), "0%"),
            (Facts.Of(session: UploadStates.Receiving, offset: 50, length: 100), "45%"),
            (Facts.Of(session: UploadStates.Receiving, offset: 100, length: 100), "90%"),
            (Facts.Of(session: UploadStates.Received), "90%"),
            (Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Running), "94%"),
            (Facts.Of(Phases.Publishing, session: UploadStates.Received, work: new PreparationState.Retrying("down", 0)), "94%"),
            (Facts.Of(Phases.Publishing, session: UploadStates.Received), "94%"),
            (Facts.Of(Phases.Publishing, session: UploadStates.Received, work: new PreparationState.Running("r", "m", 1)), "99%"),
            (Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Succeeded), "100%"),
        ];
        string? progress = null;
        foreach ((ModelFacts facts, string expected) in journey)
        {
            ModelFacts now = facts with { Model = facts.Model with { Status = facts.Status with { Progress = progress } } };
            progress = StatusDecision.Decide(now).Progress;
            Assert.AreEqual(expected, progress);
        }
    }

    [TestMethod]
    public void Conditions_OfOthers_AreLeftAlone()
    {
        var foreign = new Condition { Type = "example.com/Scanned", Status = "True", Reason = "Clean", Message = "", LastTransitionTime = Facts.Now.AddDays(-1) };
        ModelFacts facts = Facts.Of(session: UploadStates.Waiting);
        ModelStatus status = StatusDecision.Decide(facts with { Model = facts.Model with { Status = new ModelStatus { Conditions = [foreign] } } });
        Assert.AreEqual(foreign, status.Conditions![0]);
        Assert.AreEqual(Reasons.UploadPending, status.Conditions.Single(c => c.Type == ConditionTypes.Ready).Reason);
    }

    [TestMethod]
    public void Failed_KeepsItsReasonWhenTheWorkersHaveForgottenIt()
    {
        ModelStatus failed = StatusDecision.Decide(Facts.Of(Phases.Publishing, session: UploadStates.Received, work: Failed));
        ModelFacts later = Facts.Of();
        later = later with { Model = later.Model with { Status = failed } };
        Condition ready = StatusDecision.Decide(later).Conditions!.Single(c => c.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.InsufficientStorage, ready.Reason);
        Assert.AreEqual("No room.", ready.Message);
    }

    [TestMethod]
    public void CleanupProblem_IsSaidInTheReadyCondition()
    {
        Condition ready = StatusDecision.Decide(Facts.Of(Phases.Ready, isDeleted: true) with { CleanupProblem = "connection refused" }).Conditions!.Single(c => c.Type == ConditionTypes.Ready);
        Assert.AreEqual(Reasons.Deleting, ready.Reason);
        StringAssert.Contains(ready.Message, "connection refused");
    }
}
