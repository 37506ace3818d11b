namespace AiModels.Controllers.Preparation.Formats.Diffusers;

/// <summary>
/// The task that each of diffusers' own pipeline classes does, in the hub's words. By the whole name of the class; a class that is not here implies nothing.
/// </summary>
internal static class PipelineTasks
{
    private static readonly Dictionary<string, string> ByClass = Table(
        ("text-to-image",
        [
            "AltDiffusionPipeline", "AmusedPipeline", "AuraFlowPipeline", "ChromaPipeline", "CogView3PlusPipeline", "CogView4Pipeline", "Flux2Pipeline", "FluxPipeline",
            "HiDreamImagePipeline", "HunyuanDiTPAGPipeline", "HunyuanDiTPipeline", "IFPipeline", "Kandinsky3Pipeline", "KandinskyCombinedPipeline", "KandinskyPipeline",
            "KandinskyV22CombinedPipeline", "KandinskyV22Pipeline", "KolorsPipeline", "LDMTextToImagePipeline", "LatentConsistencyModelPipeline", "Lumina2Pipeline",
            "LuminaPipeline", "LuminaText2ImgPipeline", "PixArtAlphaPipeline", "PixArtSigmaPAGPipeline", "PixArtSigmaPipeline", "QwenImagePipeline", "SanaPAGPipeline",
            "SanaPipeline", "SanaSprintPipeline", "StableCascadeCombinedPipeline", "StableDiffusion3PAGPipeline", "StableDiffusion3Pipeline", "StableDiffusionPAGPipeline",
            "StableDiffusionPipeline", "StableDiffusionXLPAGPipeline", "StableDiffusionXLPipeline", "StableUnCLIPPipeline", "UnCLIPPipeline", "WuerstchenCombinedPipeline",
            "ZImagePipeline",
        ]),
        ("image-to-image",
        [
            "FluxImg2ImgPipeline", "FluxKontextPipeline", "IFImg2ImgPipeline", "Kandinsky3Img2ImgPipeline", "KandinskyImg2ImgPipeline", "KandinskyV22Img2ImgPipeline",
            "KolorsImg2ImgPipeline", "LatentConsistencyModelImg2ImgPipeline", "LDMSuperResolutionPipeline", "QwenImageEditPipeline", "QwenImageEditPlusPipeline",
            "QwenImageImg2ImgPipeline", "StableDiffusion3Img2ImgPipeline", "StableDiffusionDepth2ImgPipeline", "StableDiffusionImageVariationPipeline",
            "StableDiffusionImg2ImgPipeline", "StableDiffusionInstructPix2PixPipeline", "StableDiffusionLatentUpscalePipeline", "StableDiffusionUpscalePipeline",
            "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInstructPix2PixPipeline", "StableUnCLIPImg2ImgPipeline",
        ]),
        ("inpainting",
        [
            "FluxFillPipeline", "FluxInpaintPipeline", "IFInpaintingPipeline", "KandinskyInpaintPipeline", "KandinskyV22InpaintPipeline", "QwenImageInpaintPipeline",
            "StableDiffusion3InpaintPipeline", "StableDiffusionInpaintPipeline", "StableDiffusionXLInpaintPipeline",
        ]),
        ("unconditional-image-generation", ["ConsistencyModelPipeline", "DDIMPipeline", "DDPMPipeline", "DiTPipeline", "LDMPipeline"]),
        ("text-to-video",
        [
            "AllegroPipeline", "AnimateDiffPipeline", "AnimateDiffSDXLPipeline", "CogVideoXPipeline", "EasyAnimatePipeline", "HunyuanVideoPipeline", "LTXPipeline",
            "LattePipeline", "MochiPipeline", "SkyReelsV2Pipeline", "TextToVideoSDPipeline", "TextToVideoZeroPipeline", "WanPipeline",
        ]),
        ("image-to-video",
        [
            "CogVideoXImageToVideoPipeline", "HunyuanVideoImageToVideoPipeline", "I2VGenXLPipeline", "LTXImageToVideoPipeline", "SkyReelsV2ImageToVideoPipeline",
            "StableVideoDiffusionPipeline", "WanImageToVideoPipeline",
        ]),
        ("video-to-video", ["AnimateDiffVideoToVideoPipeline", "CogVideoXVideoToVideoPipeline", "VideoToVideoSDPipeline", "WanVideoToVideoPipeline"]),
        ("text-to-audio", ["AudioLDM2Pipeline", "AudioLDMPipeline", "MusicLDMPipeline", "StableAudioPipeline"]));

    public static string? Of(string className) => ByClass.GetValueOrDefault(className);

    private static Dictionary<string, string> Table(params (string Task, string[] Classes)[] tasks) =>
        tasks.SelectMany(task => task.Classes.Select(name => (name, task.Task))).ToDictionary(entry => entry.name, entry => entry.Task);
}
